import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Run, RunSchema, RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { type Session, SessionSchema, SessionState } from "@dragoman/contract/orchestrator/v1/session_pb";
import {
  expireTimeOf,
  type RunInfo,
  type RunState as RunStateName,
  type SessionInfo,
  type SessionOptions,
  type SessionView,
} from "@dragoman/engine";

const runStates: Readonly<Record<RunStateName, RunState>> = {
  queued: RunState.QUEUED,
  running: RunState.RUNNING,
  succeeded: RunState.SUCCEEDED,
  failed: RunState.FAILED,
  canceled: RunState.CANCELED,
  interrupted: RunState.INTERRUPTED,
};

const sessionStates: Readonly<Record<SessionInfo["state"], SessionState>> = {
  active: SessionState.ACTIVE,
  ended: SessionState.ENDED,
  expired: SessionState.EXPIRED,
};

/** The engine's name of a state in a filter; undefined for any. */
export function runStateName(state: RunState): RunStateName | undefined {
  return (Object.keys(runStates) as RunStateName[]).find((name) => runStates[name] === state);
}

/** The engine's name of a state in a filter; undefined for any. */
export function sessionStateName(state: SessionState): SessionInfo["state"] | undefined {
  return (Object.keys(sessionStates) as SessionInfo["state"][]).find((name) => sessionStates[name] === state);
}

/** The wire form of a run. */
export function runMessage(info: RunInfo, openInterruptIds: readonly string[] = []): Run {
  return create(RunSchema, {
    runId: info.runId,
    createTime: timestampFromMs(info.createTime),
    updateTime: timestampFromMs(info.endTime ?? info.createTime),
    sessionId: info.sessionId,
    agentId: info.agentId,
    state: runStates[info.state],
    firstSequence: BigInt(info.firstSequence),
    lastSequence: BigInt(info.lastSequence),
    ...(info.endTime !== undefined && { endTime: timestampFromMs(info.endTime) }),
    errorMessage: info.errorMessage ?? "",
    errorCode: info.errorCode ?? "",
    parentRunId: info.parentRunId ?? "",
    openInterruptIds: [...openInterruptIds],
    origin: info.origin,
    warningCount: BigInt(info.warningCount),
    droppedEventCount: BigInt(info.droppedEventCount),
  });
}

/** The wire form of a session as a list has it: as of its last run boundary. */
export function sessionMessage(info: SessionInfo, expireTime = expireTimeOf(info)): Session {
  return create(SessionSchema, {
    sessionId: info.sessionId,
    createTime: timestampFromMs(info.createTime),
    updateTime: timestampFromMs(info.updateTime),
    agentId: info.agentId,
    state: sessionStates[info.state],
    runCount: BigInt(info.runCount),
    messageCount: BigInt(info.messageCount),
    title: info.title,
    ...(expireTime !== undefined && { expireTime: timestampFromMs(expireTime) }),
    ...(info.options && { options: sessionOptions(info.options) }),
    parentSessionId: info.parent?.sessionId ?? "",
    parentRunId: info.parent?.runId ?? "",
    spawnDepth: info.spawnDepth ?? 0,
    ...(info.endTime !== undefined && { endTime: timestampFromMs(info.endTime) }),
  });
}

function sessionOptions(options: SessionOptions) {
  const { messageCountMax = 0, metadata, expireAfterMs, idleTimeoutMs, retentionMs } = options;
  return {
    messageCountMax,
    ...duration("expireAfter", expireAfterMs),
    ...duration("idleTimeout", idleTimeoutMs),
    ...duration("retention", retentionMs),
    ...(metadata && { metadata: metadata as JsonObject }),
  };
}

function duration(name: string, ms: number | undefined): { [name: string]: Duration } {
  return ms === undefined ? {} : { [name]: durationFromMs(ms) };
}

/** The wire form of a session as it stands now. */
export function sessionViewMessage(view: SessionView): Session {
  return Object.assign(sessionMessage(view.info, view.expireTime), {
    logId: view.logId,
    headSequence: BigInt(view.headSequence),
    firstSequence: BigInt(view.firstSequence),
    activeRunId: view.activeRunId,
    openInterruptIds: view.openInterrupts.map((info) => info.interrupt.id),
    stateRevision: BigInt(view.stateRevision),
  });
}
