import type { Plan } from "../workload.ts";

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
  /** The length of all deltas, so that each event was really looked at. */
  readonly characters: number;
}

/** Adds up what the streams of an order gave. */
export async function readAll(
  order: ReadOrder,
  readOne: (ids: { threadId: string; runId: string }) => Promise<ReadResult>,
  makeRunId: (plan: Plan, unique: number) => string,
): Promise<ReadResult> {
  const results = await Promise.all(
    Array.from({ length: order.streams }, (_, index) => {
      unique++;
      return readOne({
        threadId: `thread-${process.pid}-${unique}-${index}`,
        runId: makeRunId(order.plan, unique),
      });
    }),
  );
  return {
    events: results.reduce((sum, { events }) => sum + events, 0),
    characters: results.reduce((sum, { characters }) => sum + characters, 0),
  };
}

let unique = 0;
