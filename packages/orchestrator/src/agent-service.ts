import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  AgentService,
  RunAgentLoopRequest,
  SpawnAgentRequest,
} from "@dragoman/contract/agent/v1/agent_service_pb";
import {
  type Attachment,
  EngineError,
  newId,
  type RunInfo,
  readAnswer,
  type SpawnRequest,
} from "@dragoman/engine";
import { mapErrors } from "./errors.ts";
import { answerMessage } from "./loop/answer-message.ts";
import { startLoop } from "./loop/start-loop.ts";
import { streamLoop } from "./loop/stream-loop.ts";
import { durationOf } from "./loop/tool-calls.ts";
import type { CompleteOptions } from "./options.ts";

/** Serves agent.v1.AgentService on an engine. */
export function createAgentService(options: CompleteOptions): ServiceImpl<typeof AgentService> {
  const maxBytes = options.engine.limits.answerMaxBytes;
  return {
    runAgentLoop: (request, context) => mapErrors(() => runAgentLoop(request, context, options)),
    runAgentLoopStream: (request, context) =>
      streamLoop(() => startLoop(request, context, options), {
        maxBytes,
        heartbeatMs: options.heartbeatMs,
        getRun: (attachment) => getRun(attachment, context, options),
      }),
    spawnAgent: (request, context) => mapErrors(() => spawnAgent(request, context, options)),
    healthCheck: () => ({ status: "ok", timestamp: timestampNow() }),
  };
}

/** The run does not depend on who waits for it. */
async function runAgentLoop(request: RunAgentLoopRequest, context: HandlerContext, options: CompleteOptions) {
  const { attachment } = await startLoop(request, context, options);
  try {
    const { answerMaxBytes } = options.engine.limits;
    const getThis = () => getRun(attachment, context, options);
    return answerMessage(await readAnswer(attachment, answerMaxBytes, getThis));
  } finally {
    attachment.close();
  }
}

async function spawnAgent(request: SpawnAgentRequest, context: HandlerContext, options: CompleteOptions) {
  const { engine, heartbeatMs } = options;
  const attach = { idleMs: heartbeatMs, signal: context.signal };
  const { answer, run } = await engine.spawns.run(spawnRequest(request, context, options), attach);
  const { runId: taskId, ...rest } = answerMessage(answer);
  const { agentId: targetAgentId, createTime, endTime = createTime } = run;
  return { ...rest, taskId, targetAgentId, duration: durationOf(endTime - createTime) };
}

function spawnRequest(
  request: SpawnAgentRequest,
  context: HandlerContext,
  { namespaceOf }: CompleteOptions,
): SpawnRequest {
  const { uid, task, targetAgentId, taskId, parentSessionId, parentRunId, parentAgentId } = request;
  if (parentSessionId === "" && parentRunId !== "") {
    throw new EngineError(
      "INVALID_REQUEST",
      "parent_run_id needs parent_session_id: run ids are unique only within a session",
      { field: "parent_session_id" },
    );
  }
  const parent = {
    sessionId: parentSessionId,
    runId: parentRunId,
    ...(parentAgentId && { agentId: parentAgentId }),
  };
  return {
    namespace: namespaceOf(context),
    uid,
    agentId: targetAgentId,
    task,
    taskId: taskId || newId(),
    ...(parentSessionId && { parent }),
  };
}

function getRun(
  { sessionId, runId }: Attachment,
  context: HandlerContext,
  { engine, namespaceOf }: CompleteOptions,
): Promise<RunInfo> {
  return engine.getRun({ namespace: namespaceOf(context), id: sessionId }, runId);
}
