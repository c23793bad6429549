import { quantile } from "../figure.ts";
import { newRunIds, type RunIds } from "../load/requests.ts";
import { ageUs, type Plan } from "../workload.ts";

/** What a client process is told to read. */
export interface ReadOrder {
  readonly port: number;
  readonly plan: Plan;
  /** How many streams at the same time, on one connection. */
  readonly streams: number;
}

/** What it found. */
export interface ReadResult {
  readonly events: number;
  /** The length of all text deltas, so that each event was really looked at. */
  readonly characters: number;
  /** How long ago deltas were emitted when they came, in microseconds, where the plan says so. */
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Takes note of what a client's application sees. */
export class Tally {
  events = 0;
  characters = 0;
  readonly agesUs: number[] = [];
  readonly #isStamped: boolean;

  constructor(plan: Plan) {
    this.#isStamped = plan.kind === "paced";
  }

  /** An event came; `delta` is its text if it is one of TEXT_MESSAGE_CONTENT. */
  count(delta: string | undefined): void {
    this.events++;
    if (delta === undefined) return;
    this.characters += delta.length;
    if (this.#isStamped) this.agesUs.push(ageUs(delta));
  }
}

/** Reads the streams of an order at the same time. */
export async function readAll(
  { plan, streams }: ReadOrder,
  readOne: (ids: RunIds, tally: Tally) => Promise<void>,
): Promise<ReadResult> {
  const tally = new Tally(plan);
  await Promise.all(Array.from({ length: streams }, () => readOne(newRunIds(plan), tally)));
  const { events, characters, agesUs } = tally;
  return { events, characters, p50Us: quantile(agesUs, 0.5), p99Us: quantile(agesUs, 0.99) };
}
