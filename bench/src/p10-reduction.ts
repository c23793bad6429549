import { AbstractAgent, type BaseEvent } from "@ag-ui/client";
import { type AguiEvent, createReducer, createVerifier, type Message, type Reducer } from "@dragoman/agui";
import { from, type Observable } from "rxjs";
import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { cpuUs, keep } from "./cpu.ts";
import { compare, inform } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { makeRun } from "./mix.ts";

const UNIT = "µs/event";
const HISTORY = 500;

/** Reduction of events to messages and state, as a client does it for each event. */
export const reduction: Benchmark = {
  id: "P10",
  title: "Reduction on the client: CPU per event, verified and folded",
  async run(options: BenchmarkOptions): Promise<Report> {
    const events = makeRun(1);
    const figures = await interleave(
      {
        ours0: ours(events, 0, options),
        ours500: ours(events, HISTORY, options),
        stock0: stock(events, 0),
        stock500: stock(events, HISTORY),
      },
      options,
    );
    const { ours0, ours500, stock0, stock500 } = figures;
    return {
      lines: [
        compare(`${HISTORY} messages of history, beside none`, ours500, ours0, { atMost: 1.5 }),
        compare(`${HISTORY} messages of history`, ours500, stock500, { atMost: 0.05 }),
        compare("no history", ours0, stock0),
        inform("@ag-ui/client, no history", stock0),
      ],
    };
  },
};

/** Our verifier and reducer, as our client uses them. A run begins with its history once: that is not counted. */
function ours(events: readonly AguiEvent[], history: number, options: BenchmarkOptions): Contestant {
  const messages = makeHistory(history);
  const minimumUs = options.quick ? 40_000 : 200_000;
  const sample = () => {
    let elapsedUs = 0;
    let runs = 0;
    while (elapsedUs < minimumUs) {
      const reducers = Array.from({ length: 20 }, () => createReducer({ messages }));
      const start = cpuUs();
      for (const reducer of reducers) fold(events, reducer);
      elapsedUs += cpuUs() - start;
      runs += reducers.length;
    }
    return elapsedUs / (runs * events.length);
  };
  return { name: `ours, ${history} messages`, unit: UNIT, sample };
}

function fold(events: readonly AguiEvent[], reducer: Reducer): void {
  const verifier = createVerifier();
  for (const event of events) {
    verifier.push(event);
    reducer.push(event);
  }
  keep(reducer.messages);
}

/** The stock client's whole pipeline, which is what every HttpAgent runs behind its parser. */
function stock(events: readonly AguiEvent[], history: number): Contestant {
  const messages = makeHistory(history);
  return {
    name: `@ag-ui/client, ${history} messages`,
    unit: UNIT,
    sample: async () => {
      const agent = new ReplayAgent(events, messages);
      const start = cpuUs();
      await agent.runAgent();
      return (cpuUs() - start) / events.length;
    },
  };
}

class ReplayAgent extends AbstractAgent {
  readonly #events: readonly AguiEvent[];

  constructor(events: readonly AguiEvent[], messages: readonly Message[]) {
    super({ initialMessages: structuredClone([...messages]) });
    this.#events = events;
  }

  run(): Observable<BaseEvent> {
    return from(this.#events as unknown as BaseEvent[]);
  }
}

/** A conversation of so many messages, questions and answers of a few sentences. */
function makeHistory(count: number): Message[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `history-${index}`,
    role: index % 2 === 0 ? ("user" as const) : ("assistant" as const),
    content: `Message ${index}. `.repeat(20),
  }));
}
