import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { capabilitiesToMessage } from "@dragoman/agui";
import {
  type AGUIService,
  type GetServiceInfoRequest,
  type RunAgentRequest,
  HealthCheckResponse_Status as Status,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { reasonError } from "@dragoman/rpc";
import { capabilitiesOf } from "../capabilities.ts";
import type { PipelineWarning } from "../pipeline.ts";
import type { NamedAgents } from "./named-agents.ts";
import { inputProblems, readRunRequest } from "./read-request.ts";
import type { RunFeedOptions } from "./run-feed.ts";
import { runItems } from "./run-items.ts";

/** A warning, and the run that it is about. */
export interface RunWarning extends PipelineWarning {
  readonly agentId: string;
  readonly threadId: string;
  readonly runId: string;
}

/** What the service of a bare host needs. */
export interface HostServiceOptions extends RunFeedOptions {
  readonly agents: NamedAgents;
  readonly name: string;
  readonly version: string;
  readonly maxActiveRuns: number;
  readonly onWarning: (warning: RunWarning) => void;
  readonly isServing: () => boolean;
}

/** AGUIService on agents alone: no log, no sessions. */
export function createHostService(options: HostServiceOptions): ServiceImpl<typeof AGUIService> {
  let activeRuns = 0;
  async function* runAgent(request: RunAgentRequest, context: HandlerContext) {
    const [agentId, agent] = options.agents.find(request.agentId);
    const input = readRunRequest(request);
    if (activeRuns >= options.maxActiveRuns) throw tooManyRuns(options.maxActiveRuns);
    const { threadId, runId } = input;
    const onWarning = (warning: PipelineWarning) =>
      options.onWarning({ ...warning, agentId, threadId, runId });
    activeRuns += 1;
    try {
      yield* runItems({ agentId, agent, input, feed: options, onWarning }, context);
    } finally {
      activeRuns -= 1;
    }
  }
  return {
    runAgent,
    getServiceInfo: (request, context) => serviceInfo(options, request, context),
    validateInput(request) {
      options.agents.find(request.agentId);
      return { problems: inputProblems(request.input) };
    },
    healthCheck: () => ({
      status: options.isServing() ? Status.SERVING : Status.NOT_SERVING,
      time: timestampNow(),
      diagnostics: { version: options.version, active_runs: String(activeRuns) },
    }),
  };
}

async function serviceInfo(
  { agents, name, version }: HostServiceOptions,
  request: GetServiceInfoRequest,
  { signal }: HandlerContext,
) {
  const described = agents.select(request.agentId).map(async ([id, agent]) => ({
    id,
    description: agent.description ?? "",
    kind: agent.kind ?? "custom",
    capabilities: capabilitiesToMessage(await capabilitiesOf(agent, signal)),
  }));
  return {
    name,
    version,
    protocolVersion: "1.0",
    resumable: false,
    agents: await Promise.all(described),
    wires: ["grpc", "grpc-web", "connect"],
  };
}

function tooManyRuns(limit: number) {
  return reasonError(
    Code.ResourceExhausted,
    "LIMIT_REACHED",
    `This host runs ${limit} agents at a time (maxActiveRuns). Try again later.`,
    { metadata: { limit: "maxActiveRuns", value: limit } },
  );
}
