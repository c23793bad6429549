import type { AguiEvent } from "@dragoman/agui";
import { makeRun } from "./mix.ts";

/**
 * What a benchmark asks a server for. It travels as the run id, because every server, ours and the peers,
 * has that one at hand.
 */
export type Plan =
  /** The mix, so many times over, as fast as it goes. */
  | { readonly kind: "mix"; readonly cycles: number }
  /** One event, then nothing until the client goes. */
  | { readonly kind: "idle" }
  /** Deltas that say when they were emitted, so many, so many milliseconds apart. */
  | { readonly kind: "paced"; readonly count: number; readonly intervalMs: number }
  /** Whatever is broadcast. */
  | { readonly kind: "shared" };

/** Writes a plan as a run id; `unique` keeps runs apart. */
export function writePlan(plan: Plan, unique: number | string): string {
  const { kind } = plan;
  const [a = 0, b = 0] =
    kind === "mix" ? [plan.cycles] : kind === "paced" ? [plan.count, plan.intervalMs] : [];
  return `${kind}-${a}-${b}-${unique}`;
}

/** Reads what {@link writePlan} wrote. */
export function readPlan(runId: string): Plan {
  const [kind, a, b] = runId.split("-");
  if (kind === "mix") return { kind, cycles: Number(a) };
  if (kind === "paced") return { kind, count: Number(a), intervalMs: Number(b) };
  if (kind === "idle" || kind === "shared") return { kind };
  throw new Error(`${runId} is no plan`);
}

const [started, ...rest] = makeRun(1);
const body = rest.slice(0, -1);

/** How many events of a run are repeated per cycle; around them come RUN_STARTED and RUN_FINISHED. */
export const CYCLE_LENGTH = body.length;

/** How many events a mix of so many cycles has. */
export function mixLength(cycles: number): number {
  return 2 + cycles * CYCLE_LENGTH;
}

/** The events of the mix: one valid run, whatever the number of cycles. */
export function* mixEvents(cycles: number, threadId = "bench", runId = "bench"): Generator<AguiEvent, void> {
  yield { ...(started as AguiEvent & { type: "RUN_STARTED" }), threadId, runId };
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (const event of body) yield event;
  }
  yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "success" } };
}

const FIRST_IDS = { threadId: "bench", runId: "bench" };

/** The one event of an idle stream: it shows the client that the stream is open. */
export const firstEvent: AguiEvent = { type: "RUN_STARTED", ...FIRST_IDS };

/** A delta that says when it was emitted, by a clock that all processes of a machine share. */
function stampedDelta(): AguiEvent {
  return { type: "TEXT_MESSAGE_CONTENT", messageId: "stamped", delta: String(process.hrtime.bigint()) };
}

/** How long ago a stamped delta was emitted, in microseconds. */
export function ageUs(delta: string): number {
  return Number(process.hrtime.bigint() - BigInt(delta)) / 1000;
}

/** A run of stamped deltas, one per interval, the first after a part of it that differs from stream to stream. */
export async function* pacedEvents(
  plan: Plan & { kind: "paced" },
  ids = FIRST_IDS,
): AsyncGenerator<AguiEvent, void> {
  yield { type: "RUN_STARTED", ...ids };
  yield { type: "TEXT_MESSAGE_START", messageId: "stamped", role: "assistant" };
  yield* stampedDeltas(plan.count, plan.intervalMs);
  yield { type: "TEXT_MESSAGE_END", messageId: "stamped" };
  yield { type: "RUN_FINISHED", ...ids };
}

async function* stampedDeltas(count: number, intervalMs: number): AsyncGenerator<AguiEvent, void> {
  let due = performance.now() + Math.random() * intervalMs;
  for (let index = 0; index < count; index++) {
    const waitMs = due - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield stampedDelta();
    due += intervalMs;
  }
}

/** Hands out events to whoever listens. */
export class Broadcast {
  readonly #listeners = new Set<(event: AguiEvent | undefined) => void>();

  /** Calls `listener` with every event, and with undefined at the end. Returns a function that stops it. */
  listen(listener: (event: AguiEvent | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Emits stamped deltas, one per interval, then ends. */
  async emit(count: number, intervalMs: number): Promise<void> {
    for await (const event of stampedDeltas(count, intervalMs)) {
      for (const listener of this.#listeners) listener(event);
    }
    for (const listener of this.#listeners) listener(undefined);
  }
}
