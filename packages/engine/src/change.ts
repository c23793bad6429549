import type { AguiEvent } from "@dragoman/agui";
import type { Created } from "./creation.ts";
import type { RunInfo, SessionInfo } from "./entries.ts";
import { type ChangeOrigin, originMetadata } from "./origin.ts";
import type { Session } from "./session.ts";

/**
 * Appends a change that no agent made as a small run of its own, all or nothing, so that every reader takes it
 * in like any other run. Call it while holding the mutex of an idle session.
 */
export async function appendChange(
  session: Session,
  change: { readonly runId: string; readonly origin: ChangeOrigin; readonly events: readonly AguiEvent[] },
  created: Created,
  changes: Partial<SessionInfo> = {},
): Promise<void> {
  const { runId, origin, events } = change;
  const threadId = session.sessionId;
  const metadata = originMetadata(origin);
  const writer = await session.write();
  const firstSequence = writer.push({
    type: "RUN_STARTED",
    threadId,
    runId,
    protocolVersion: "1.0",
    metadata,
  });
  for (const event of events) writer.push(event);
  const lastSequence = writer.push({ type: "RUN_FINISHED", threadId, runId });
  const info: RunInfo = {
    namespace: session.key.namespace,
    sessionId: threadId,
    runId,
    agentId: session.info.agentId,
    ...created,
    endTime: created.createTime,
    state: "succeeded",
    fingerprint: "",
    inputRecord: 0,
    firstSequence,
    lastSequence,
    origin,
    warningCount: 0,
    droppedEventCount: 0,
  };
  writer.add([], session.entriesFor(info, changes));
  await session.flush();
  session.hub.run(info);
}
