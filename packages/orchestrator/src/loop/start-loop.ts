import { createHash } from "node:crypto";
import type { HandlerContext } from "@connectrpc/connect";
import type { RunAgentLoopRequest } from "@dragoman/contract/agent/v1/agent_service_pb";
import { type AttachOptions, EngineError, newId, type RunRequest, type StartedRun } from "@dragoman/engine";
import type { CompleteOptions } from "../options.ts";

/** What the requests for a turn have in common. */
export type LoopRequest = Omit<RunAgentLoopRequest, "$typeName" | "$unknown">;

/** How often a session that was just found may turn out to be over. */
const attemptsMax = 3;

/**
 * Starts one turn of a session, or joins it where the run id and the message were there before. The session is the
 * named one, else that of the user's place, else one of its own; a session that is not there is made.
 */
export async function startLoop(
  request: LoopRequest,
  context: HandlerContext,
  options: CompleteOptions,
): Promise<StartedRun> {
  const { engine, agents, namespaceOf, heartbeatMs } = options;
  const namespace = namespaceOf(context);
  const attach = { idleMs: heartbeatMs, signal: context.signal };
  const runId = request.runId || newId();
  // Asked first, so that a request for nobody leaves no trace of a session.
  const found = agents.find(request.agentId);
  const { uid, surface, surfaceId } = request;
  const isPlaced = request.sessionId === "" && `${uid}${surface}${surfaceId}` !== "";
  if (!isPlaced || !found) {
    const threadId = request.sessionId || ownSessionId(request.runId);
    return start(request, { namespace, threadId, runId }, attach, options);
  }
  for (let attempt = 1; ; attempt++) {
    const place = { namespace, uid, surface, surfaceId };
    try {
      return await engine.surfaces.use(place, runId, (threadId) =>
        start(request, { namespace, threadId, runId }, attach, options),
      );
    } catch (error) {
      if (!isOver(error) || attempt === attemptsMax) throw error;
    }
  }
}

function start(
  { agentId, message, uid, surface, surfaceId }: LoopRequest,
  {
    namespace,
    threadId,
    runId,
  }: { readonly namespace: string; readonly threadId: string; readonly runId: string },
  attach: AttachOptions,
  { engine }: CompleteOptions,
): Promise<StartedRun> {
  const metadata = {
    ...(uid && { uid }),
    ...(surface && { surface }),
    ...(surfaceId && { surface_id: surfaceId }),
  };
  const run: RunRequest = {
    namespace,
    agentId,
    // The message has the run's id in its own, so that a retry says the same.
    input: { threadId, runId, messages: [{ id: `${runId}-user`, role: "user", content: message }] },
    ifActive: "reject",
    disconnect: { action: "continue", graceMs: 0 },
    history: "append",
    ...(Object.keys(metadata).length > 0 && { newSession: { options: { metadata } } }),
  };
  return engine.start(run, attach);
}

/** A session for one run alone. With a run id a retry has to find it. */
function ownSessionId(runId: string): string {
  if (runId === "") return newId();
  return `run-${createHash("sha256").update(runId).digest("base64url")}`;
}

function isOver(error: unknown): boolean {
  return (
    error instanceof EngineError && (error.reason === "SESSION_ENDED" || error.reason === "SESSION_EXPIRED")
  );
}
