import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { capabilitiesOf } from "@dragoman/agent";
import { readHops } from "@dragoman/agent/remote";
import {
  capabilitiesToMessage,
  checkRunAgentInput,
  inputFromMessage,
  type RunAgentInput,
} from "@dragoman/agui";
import {
  type AGUIService,
  Durability,
  type GetServiceInfoRequest,
  type RunAgentRequest,
  RunAgentResponseSchema,
  HealthCheckResponse_Status as Status,
  type ValidateInputRequest,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  History,
  IfActive,
  OnDisconnect,
  OnOpenInterrupts,
} from "@dragoman/contract/agent/v1/run_options_pb";
import type { RunAgentInput as RunAgentInputMessage } from "@dragoman/contract/agui/v1/input_pb";
import type { AttachOptions, DisconnectPolicy, HistoryMode, RunRequest } from "@dragoman/engine";
import { reasonError } from "@dragoman/rpc";
import type { NamedAgent } from "./agent-directory.ts";
import { attachStream } from "./attach-stream.ts";
import { invalidInput } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";

const ifActiveNames: Readonly<Record<IfActive, NonNullable<RunRequest["ifActive"]>>> = {
  [IfActive.UNSPECIFIED]: "default",
  [IfActive.REJECT]: "reject",
  [IfActive.QUEUE]: "queue",
  [IfActive.CANCEL]: "cancel",
};
const historyNames: Readonly<Record<History, HistoryMode>> = {
  [History.UNSPECIFIED]: "auto",
  [History.APPEND]: "append",
  [History.REPLACE]: "replace",
};
const durabilities = {
  memory: Durability.MEMORY,
  process: Durability.PROCESS,
  fsync: Durability.FSYNC,
} as const;
const graceMsDefault = 10_000;

/** Serves agent.v1.AGUIService on an engine. */
export function createAguiService(options: CompleteOptions): ServiceImpl<typeof AGUIService> {
  return {
    runAgent: (request, context) => runAgent(request, context, options),
    getServiceInfo: (request, context) => getServiceInfo(request, context, options),
    validateInput: (request) => ({ problems: problemsOf(request, options) }),
    healthCheck: () => ({
      status: options.isServing() ? Status.SERVING : Status.NOT_SERVING,
      time: timestampNow(),
      diagnostics: {
        version: options.version,
        durability: options.durability,
        active_runs: String(options.engine.activeRunCount),
      },
    }),
  };
}

function runAgent(request: RunAgentRequest, context: HandlerContext, options: CompleteOptions) {
  return attachStream(RunAgentResponseSchema, context, async () => {
    const input = readValidInput(request.input);
    const started = await options.engine.start(
      {
        namespace: options.namespaceOf(context),
        agentId: request.agentId,
        input,
        ifActive: ifActiveNames[request.ifActive],
        disconnect: disconnectPolicy(request, options.onDisconnect),
        history: historyNames[request.history],
        onOpenInterrupts: request.onOpenInterrupts === OnOpenInterrupts.CANCEL ? "cancel" : "repeat",
        hops: readHops(context.requestHeader),
        ...(request.baseSequence !== undefined && { baseSequence: Number(request.baseSequence) }),
        ...(request.ifStateRevision !== undefined && { ifStateRevision: Number(request.ifStateRevision) }),
      },
      attachOptions(request, context, options),
    );
    return started.attachment;
  });
}

/** The attach options of a request that can carry a cursor. */
export function attachOptions(
  request: { readonly afterSequence?: bigint | undefined; readonly logId: string },
  context: HandlerContext,
  options: CompleteOptions,
): AttachOptions {
  return {
    logId: request.logId,
    idleMs: options.heartbeatMs,
    signal: context.signal,
    ...(request.afterSequence !== undefined && { after: Number(request.afterSequence) }),
  };
}

function disconnectPolicy(request: RunAgentRequest, fallback: DisconnectPolicy): DisconnectPolicy {
  const grace = request.onDisconnectGrace;
  const graceMs = grace ? Number(grace.seconds) * 1000 + grace.nanos / 1e6 : undefined;
  if (request.onDisconnect === OnDisconnect.CONTINUE) return { action: "continue", graceMs: 0 };
  if (request.onDisconnect === OnDisconnect.CANCEL)
    return { action: "cancel", graceMs: graceMs ?? graceMsDefault };
  return fallback;
}

/** The input of a run. Throws INVALID_INPUT with all its problems. */
export function readValidInput(message: RunAgentInputMessage | undefined): RunAgentInput {
  const input = readInput(message);
  const problems = checkRunAgentInput(input);
  if (problems.length > 0) throw invalidInput(problems);
  return input;
}

function readInput(message: RunAgentInputMessage | undefined): RunAgentInput {
  if (!message) throw invalidInput([{ path: "", message: "the input is required", rule: "required" }]);
  try {
    return inputFromMessage(message);
  } catch (error) {
    const text = error instanceof Error ? error.message : "the input cannot be read";
    throw invalidInput([{ path: "", message: text, rule: "unreadable" }]);
  }
}

function problemsOf(request: ValidateInputRequest, options: CompleteOptions) {
  const problems: { path: string; message: string; rule: string }[] = [];
  if (!request.input) problems.push({ path: "", message: "the input is required", rule: "required" });
  else {
    try {
      problems.push(...checkRunAgentInput(inputFromMessage(request.input)));
    } catch (error) {
      problems.push({
        path: "",
        message: error instanceof Error ? error.message : "unreadable",
        rule: "unreadable",
      });
    }
  }
  if (!options.agents.find(request.agentId)) {
    problems.push({
      path: "",
      message: `there is no agent ${JSON.stringify(request.agentId)}`,
      rule: "agent_not_found",
    });
  }
  return problems;
}

async function getServiceInfo(
  request: GetServiceInfoRequest,
  context: HandlerContext,
  options: CompleteOptions,
) {
  const all = options.agents.list();
  const chosen = request.agentId === "" ? all : all.filter(({ agentId }) => agentId === request.agentId);
  if (chosen.length === 0 && request.agentId !== "") {
    throw reasonError(
      Code.NotFound,
      "AGENT_NOT_FOUND",
      `there is no agent ${JSON.stringify(request.agentId)}`,
      {
        metadata: { agent_id: request.agentId },
      },
    );
  }
  return {
    name: "dragoman",
    version: options.version,
    protocolVersion: "1.0",
    resumable: true,
    agents: await Promise.all(chosen.map((named) => agentInfo(named, context.signal))),
    wires: [...options.wires],
    durability: durabilities[options.durability],
  };
}

async function agentInfo({ agentId, agent }: NamedAgent, signal: AbortSignal) {
  const transport = { streaming: true, httpBinary: true, resumable: true };
  const own = await capabilitiesOf(agent, signal);
  const capabilities = capabilitiesToMessage({ ...own, transport: { ...own.transport, ...transport } });
  return { id: agentId, description: agent.description ?? "", kind: agent.kind ?? "custom", capabilities };
}
