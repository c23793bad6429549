export type { Agent, AgentOutput, EncodedEvent, RunContext } from "./agent.ts";
