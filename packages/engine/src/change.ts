import type { AguiEvent } from "@dragoman/agui";
import type { CatalogChange } from "@dragoman/event-log";
import type { Created } from "./creation.ts";
import { encodeWithin } from "./encode-within.ts";
import type { RunInfo, SessionInfo } from "./entries.ts";
import { type ChangeOrigin, originMetadata } from "./origin.ts";
import type { Session } from "./session.ts";

/** A change that no agent made. */
export interface OutsideChange {
  readonly runId: string;
  readonly origin: ChangeOrigin;
  readonly events: readonly AguiEvent[];
  /** Whether it leaves no interrupt open. Default false: those that are open are told again at its end. */
  readonly closesInterrupts?: boolean;
  /** What else is written in the same append. */
  readonly records?: readonly Uint8Array[];
  readonly catalog?: readonly CatalogChange[];
}

/**
 * Appends a change that no agent made as a small run of its own, all or nothing, so that every reader takes it
 * in like any other run. Call it while holding the mutex of an idle session.
 *
 * @throws {EngineError} INVALID_INPUT or LIMIT_REACHED for an event that cannot be kept
 */
export async function appendChange(
  session: Session,
  change: OutsideChange,
  created: Created,
  changes: Partial<SessionInfo> = {},
): Promise<void> {
  const { runId, origin, events, records = [], catalog = [] } = change;
  const terminal = endOf(session, change);
  encodeWithin(terminal, session.limits.eventMaxBytes, "the end of the change");
  const encoded = events.map((event) => encodeWithin(event, session.limits.eventMaxBytes, "the change"));
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
  for (const [index, event] of events.entries()) writer.push(event, encoded[index]);
  const lastSequence = writer.push(terminal);
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
  const checkpoint = session.checkpointIfDue();
  writer.add(records, [...session.entriesFor(info, changes), ...catalog, ...checkpoint]);
  await session.flush();
  session.hub.run(info);
}

/** Clients know what waits from the last run's end, so the end of a change says it again. */
function endOf(session: Session, { runId, closesInterrupts = false }: OutsideChange): AguiEvent {
  const interrupts = closesInterrupts ? [] : session.openInterrupts.map(({ interrupt }) => interrupt);
  const end = { type: "RUN_FINISHED", threadId: session.sessionId, runId } as const;
  return interrupts.length > 0 ? { ...end, outcome: { type: "interrupt", interrupts } } : end;
}
