import { type AguiEvent, decodeEvent, EventBatch, readFrames } from "@dragoman/agui";
import type { ActiveRun } from "../active-run.ts";
import { type RunInfo, runEntry } from "../entries.ts";
import type { ExecuteContext } from "../execute-context.ts";
import type { Session } from "../session.ts";
import { agentInput, type BegunRun } from "../start-run.ts";
import { untilStored } from "../until-stored.ts";
import { readResumption, readRunInput } from "./run-input.ts";

const pageBytes = 1024 * 1024;

/**
 * Makes durable that the agent of a run that goes on with answers is called now. Before it, a crash loses
 * nothing and the run goes on; after it, nobody knows how far the agent got, and the run is lost. So what
 * the answers allow is done at most once.
 *
 * If the store takes nothing, this waits and tries again, unless the run is cancelled meanwhile. Resolves with
 * whether the run is still ours: where the engine gives up, the run goes on when one opens again.
 */
export function markDispatched(
  session: Session,
  run: ActiveRun,
  { closed }: ExecuteContext,
): Promise<boolean> {
  const mark = async () => {
    if (run.info.cancelRequested) return;
    const { resumeRecord: _called, ...info } = run.info;
    const writer = await session.write();
    writer.add([], [{ put: runEntry(info) }]);
    await session.flush();
    // A cancel may have come while this was written.
    run.info = run.info.cancelRequested ? { ...info, cancelRequested: true } : info;
  };
  return untilStored(session, mark, closed);
}

/** What a run was begun with whose agent was not called before a crash: the log, the answers, the request. */
export async function rebuildBegun(session: Session, info: RunInfo): Promise<BegunRun> {
  const input = await readRunInput(session, info);
  const { answers, toolCallIds } = await readResumption(session, info.resumeRecord ?? 0);
  const { messages: history, state } = session.fold;
  const given = { history, state, resume: answers, toolCallIds };
  const events = await readEvents(session, info.firstSequence);
  return { events, agentInput: agentInput(session, input, given), repeat: [] };
}

async function readEvents(session: Session, firstSequence: number): Promise<AguiEvent[]> {
  const events: AguiEvent[] = [];
  for (let after = firstSequence - 1; after < session.headSequence; ) {
    const page = await session.log.read(session.key, { after, maxBytes: pageBytes });
    for (const chunk of page.chunks) {
      let batch = new EventBatch(page.head.logId, chunk.bytes);
      if (batch.firstSequence <= after) batch = batch.after(after);
      readFrames(batch.frames, ({ sequence, start, end }) => {
        events.push(decodeEvent(batch.frames, start, end));
        after = sequence;
      });
    }
    if (page.chunks.length === 0) break;
  }
  return events;
}
