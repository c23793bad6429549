import { AbstractAgent, type BaseEvent, type Interrupt } from "@ag-ui/client";
import { from, type Observable } from "rxjs";
import type { AguiEvent, Json, Message } from "../src/types.ts";

/** What a stock client made of a stream. */
export interface StockResult {
  /** Why it refused the stream, if it did. */
  readonly error: Error | undefined;
  /** The events that reached application code. */
  readonly events: AguiEvent[];
  readonly messages: Message[];
  readonly state: Json;
  readonly pendingInterrupts: Interrupt[];
  /** By every RUN_FINISHED that meant success. */
  readonly pendingToolCallIds: string[][];
}

export interface StockOptions {
  readonly messages?: readonly Message[];
  readonly state?: Json;
}

class RecordedAgent extends AbstractAgent {
  readonly stream: readonly AguiEvent[];

  constructor(stream: readonly AguiEvent[], options: StockOptions) {
    super({
      threadId: "t1",
      initialMessages: (options.messages ?? []) as never,
      ...(options.state === undefined ? {} : { initialState: options.state }),
    });
    this.stream = stream;
  }

  run(): Observable<BaseEvent> {
    // Every reader of a wire gets objects of its own; the client changes what it is given.
    return from(this.stream.map((event): BaseEvent => JSON.parse(JSON.stringify(event))));
  }
}

/** Plays a stream to the stock client as its transport would. */
export async function playToStockClient(
  stream: readonly AguiEvent[],
  options: StockOptions = {},
): Promise<StockResult> {
  const agent = new RecordedAgent(stream, options);
  const events: AguiEvent[] = [];
  const pendingToolCallIds: string[][] = [];
  let error: Error | undefined;
  const restore = silenceConsole();
  try {
    await agent.runAgent(
      {},
      {
        onEvent: ({ event }) => {
          events.push(structuredClone(event) as unknown as AguiEvent);
        },
        onRunFinishedEvent: (params) => {
          if (params.outcome === "success") pendingToolCallIds.push([...params.pendingToolCallIds]);
        },
      },
    );
  } catch (thrown) {
    error = thrown instanceof Error ? thrown : new Error(String(thrown));
  } finally {
    restore();
  }
  const { messages, state, pendingInterrupts } = agent;
  return {
    error,
    events,
    messages: messages as unknown as Message[],
    state,
    pendingInterrupts,
    pendingToolCallIds,
  };
}

/** The client reports every deviation on the console. */
function silenceConsole(): () => void {
  const { warn, error } = console;
  console.warn = () => {};
  console.error = () => {};
  return () => {
    console.warn = warn;
    console.error = error;
  };
}
