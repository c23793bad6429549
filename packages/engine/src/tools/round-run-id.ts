import { createHash } from "node:crypto";

/** The longest id that every agent takes. */
const runIdMaxBytes = 256;

/**
 * The id of a further call in a run. Agents that keep runs, such as other servers like this one, take an id that they
 * know for a repetition.
 */
export function roundRunId(runId: string, round: number): string {
  const id = `${runId}.${round}`;
  if (Buffer.byteLength(id) <= runIdMaxBytes) return id;
  return `round-${createHash("sha256").update(id).digest("hex")}`;
}

/** The run that an id of a further call may be of, as far as the id itself says it. */
export function runIdOfRound(id: string): string | undefined {
  return /^(.+)\.\d+$/s.exec(id)?.[1];
}

/** Whether an id is that of a further call in a run, of which there are so many at most. */
export function isRoundOf(runId: string, id: string, roundsMax: number): boolean {
  for (let round = 2; round <= roundsMax + 1; round++) if (roundRunId(runId, round) === id) return true;
  return false;
}
