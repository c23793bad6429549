export { agentsOver, aguiBinaryType, openWires, type Wire, type Wires } from "./clients.ts";
export { type Corpus, loadOfficialCorpus, loadOwnCorpus } from "./corpus.ts";
export { checkExpectation, checkServer } from "./expect.ts";
export { type AgentMaker, inProcessAgent, observe, type RunParameters } from "./observe.ts";
export { observeRun, type Place, type PlacedEvent, startRun } from "./readers.ts";
export { rules } from "./rules.ts";
export type { Expectation, Observation, RawEvent, ServerExpectation, Stream } from "./stream.ts";
