import type { RunInfo } from "../entries.ts";
import { EngineError } from "../errors.ts";
import type { Session } from "../session.ts";
import { isRoundOf, runIdOfRound } from "../tools/round-run-id.ts";

/**
 * The run that a parent means. An agent that was called again with the results of tools knows its run only by the id
 * of that call.
 */
export async function parentRun(session: Session, id: string): Promise<RunInfo> {
  try {
    return await session.resolveRun(id);
  } catch (error) {
    if (id === "" || !(error instanceof EngineError) || error.reason !== "RUN_NOT_FOUND") throw error;
    const { active, fold, limits } = session;
    for (const runId of [runIdOfRound(id), active?.info.runId, fold.lastStarted?.runId]) {
      if (runId === undefined || !isRoundOf(runId, id, limits.toolRoundsMax)) continue;
      const run = await session.findRun(runId);
      if (run) return run;
    }
    throw error;
  }
}
