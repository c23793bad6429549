import { createHash } from "node:crypto";
import type { SpawnOptions } from "@dragoman/agent";
import type { SessionParent } from "../entries.ts";
import type { RunRequest } from "../start-run.ts";
import { childEntry } from "./children.ts";

/** A task for a sub-agent. */
export interface SpawnRequest extends Omit<SpawnOptions, "taskId"> {
  readonly namespace: string;
  /** Who gets the task. */
  readonly agentId: string;
  readonly task: string;
  /** The id of the sub-agent's run: the same id, task and parent mean the same run. */
  readonly taskId: string;
  /** Who asks, an id of the caller's own; tells tasks without a parent apart. */
  readonly uid?: string;
  /** The run that delegates; an empty id means the active one of its session. Absent: there is no parent. */
  readonly parent?: SessionParent;
}

/** A request whose parent run is known. */
export interface PlacedRequest extends SpawnRequest {
  /** How many sub-agents deep the child is. */
  readonly depth: number;
  /** The session of the child. */
  readonly sessionId: string;
}

/**
 * The session that a task is done in. It follows from the parent and the task, so that a retry finds it; from the
 * session of the parent alone where the request names no run.
 */
export function childSessionId({ uid = "", taskId, parent }: SpawnRequest): string {
  const from = parent ? ["", parent.sessionId, parent.runId] : [uid, "", ""];
  const digest = createHash("sha256")
    .update(JSON.stringify([...from, taskId]))
    .digest("base64url");
  return `spawn-${digest}`;
}

/** The run of a sub-agent. `order` is the place of its session among those of its parent's. */
export function childRequest(request: PlacedRequest, order: number): RunRequest {
  const { namespace, agentId, task, taskId, parent, depth, sessionId } = request;
  return {
    namespace,
    agentId,
    input: {
      threadId: sessionId,
      runId: taskId,
      ...(parent && { parentRunId: parent.runId }),
      messages: [{ id: `${taskId}-user`, role: "user", content: task }],
    },
    ifActive: "reject",
    disconnect: { action: "continue", graceMs: 0 },
    history: "append",
    ...(parent && {
      newSession: { parent, spawnDepth: depth },
      opening: { events: [], catalog: () => childEntry(request, order) },
    }),
  };
}
