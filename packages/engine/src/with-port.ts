import type { RunPort } from "./run-port.ts";
import type { Session } from "./session.ts";
import { runIsActive } from "./start-run.ts";

/**
 * Does something to a session that is either idle or has a run that takes it: gives the port of the active run,
 * or undefined while none is active. No run begins meanwhile. Over the moments in which a run begins or ends,
 * this waits.
 *
 * Rejects with RUN_ACTIVE where the active run is one that nothing can be added to.
 */
export function withPort<T>(
  session: Session,
  task: (port: RunPort | undefined) => Promise<T> | T,
): Promise<T> {
  return session.mutex.run(async () => {
    for (let run = session.active; run && !run.isEnded; run = session.active) {
      if (run.port) return task(run.port);
      if (run.info.unverified) throw runIsActive(session, run.info);
      await run.portChanged();
    }
    return task(undefined);
  });
}
