import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { capabilitiesToMessage, type RunAgentInput } from "@dragoman/agui";
import {
  type AGUIService,
  type GetServiceInfoRequest,
  type RunAgentRequest,
  RunAgentResponseSchema,
  HealthCheckResponse_Status as Status,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { capabilitiesOf } from "../capabilities.ts";
import { readHops } from "../hops.ts";
import type { PipelineWarning } from "../pipeline.ts";
import type { NamedAgents } from "./named-agents.ts";
import { inputProblems, readRunRequest } from "./read-request.ts";
import type { RunFeedOptions } from "./run-feed.ts";
import { type HostedRun, runItems } from "./run-items.ts";
import type { RunSlots } from "./run-slots.ts";

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
  readonly slots: RunSlots;
  readonly onWarning: (warning: RunWarning) => void;
  readonly isServing: () => boolean;
}

/** The run of a request, for {@link runItems}. */
export function hostedRun(
  options: HostServiceOptions,
  agentId: string,
  input: RunAgentInput,
  { requestHeader }: HandlerContext,
): HostedRun {
  const [id, agent] = options.agents.find(agentId);
  const { threadId, runId } = input;
  const onWarning = (warning: PipelineWarning) =>
    options.onWarning({ ...warning, agentId: id, threadId, runId });
  return { agentId: id, agent, input, feed: options, onWarning, hops: readHops(requestHeader) };
}

/** AGUIService on agents alone: no log, no sessions. */
export function createHostService(options: HostServiceOptions): ServiceImpl<typeof AGUIService> {
  async function* runAgent(request: RunAgentRequest, context: HandlerContext) {
    options.agents.find(request.agentId);
    const run = hostedRun(options, request.agentId, readRunRequest(request), context);
    yield* options.slots.hold(() => runItems(RunAgentResponseSchema, run, context));
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
      diagnostics: { version: options.version, active_runs: String(options.slots.taken) },
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
