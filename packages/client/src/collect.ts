import {
  type AguiEvent,
  createReducer,
  type Interrupt,
  type Json,
  type Message,
  type RunErrorEvent,
  type RunOutcome,
  type TokenUsage,
} from "@dragoman/agui";

/** What a run came to. */
export interface Collected {
  /** The messages after the last event. */
  readonly messages: readonly Message[];
  /** The shared state after the last event. */
  readonly state: Json;
  /** How the last run ended; undefined if it failed, or did not end. */
  readonly outcome: RunOutcome | undefined;
  /** Why the last run failed; undefined if it did not. */
  readonly error: RunErrorEvent | undefined;
  /** What the last run waits for. */
  readonly interrupts: readonly Interrupt[];
  /** What the last run returned. */
  readonly result: Json;
  /** The tokens that the runs used, where their agents say. */
  readonly usage: readonly TokenUsage[];
  /** How many events there were. */
  readonly eventCount: number;
}

/** What a collection begins with. */
export interface CollectOptions {
  /** The messages before the first event. Default none. */
  readonly messages?: readonly Message[];
  /** The state before the first event. Default `{}`. */
  readonly state?: Json;
}

/** Reads a stream to its end and returns what it came to. Takes the events of a client, or bare ones. */
export async function collect(
  events: AsyncIterable<{ readonly event: AguiEvent } | AguiEvent>,
  options: CollectOptions = {},
): Promise<Collected> {
  const reducer = createReducer({
    ...(options.messages !== undefined && { messages: [...options.messages] }),
    ...(options.state !== undefined && { state: options.state }),
  });
  let last: AguiEvent | undefined;
  const usage: TokenUsage[] = [];
  let eventCount = 0;
  for await (const item of events) {
    const event = "type" in item ? item : item.event;
    reducer.push(event);
    eventCount += 1;
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") {
      last = event;
      usage.push(...(event.usage ?? []));
    } else if (event.type === "RUN_STARTED") {
      last = undefined;
    }
  }
  const finished = last?.type === "RUN_FINISHED" ? last : undefined;
  const outcome = finished && (finished.outcome ?? { type: "success" });
  return {
    messages: reducer.messages,
    state: reducer.state,
    outcome,
    error: last?.type === "RUN_ERROR" ? last : undefined,
    interrupts: outcome?.type === "interrupt" ? outcome.interrupts : [],
    result: finished?.result,
    usage,
    eventCount,
  };
}
