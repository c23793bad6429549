import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import {
  type AgentRegistryService,
  AgentsCaughtUpSchema,
  type DeregisterAgentRequest,
  type RegisterAgentRequest,
  type WatchAgentsRequest,
  type WatchAgentsResponse,
  WatchAgentsResponseSchema,
} from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import type { RegisteredAgent } from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { mapErrors, toConnectError } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { pageOf } from "./registry/agent-pages.ts";
import { type AgentRegistry, notFound } from "./registry/agent-registry.ts";
import type { AgentWatchItem } from "./registry/agent-watch.ts";
import { builtInAgentMessage, endpointSpec, registeredAgentMessage } from "./registry/to-message.ts";

/** Serves orchestrator.v1.AgentRegistryService on a registry. */
export function createAgentRegistryService(
  registry: AgentRegistry,
  options: CompleteOptions,
): ServiceImpl<typeof AgentRegistryService> {
  const show = (agentId: string, signal: AbortSignal) => showAgent(registry, options, agentId, signal);
  return {
    registerAgent: (request) => mapErrors(() => register(registry, request)),
    listAgents: (request, { signal }) =>
      mapErrors(() => pageOf(registry, request, (agentId) => show(agentId, signal))),
    getAgent: ({ agentId }, { signal }) =>
      mapErrors(async () => {
        const agent = await show(agentId, signal);
        if (agent === undefined) throw notFound(agentId);
        return { agent };
      }),
    watchAgents: (request, context) => watch(registry, options, request, context),
    deregisterAgent: (request) => mapErrors(() => deregister(registry, options, request)),
  };
}

async function register(registry: AgentRegistry, request: RegisterAgentRequest) {
  const { agentId, description, replace } = request;
  const endpoints = request.endpoints.map(endpointSpec);
  const agent = await registry.register({ agentId, description, endpoints, replace });
  return { agent: registeredAgentMessage(agent) };
}

async function deregister(
  registry: AgentRegistry,
  { engine }: CompleteOptions,
  { agentId, target, grace }: DeregisterAgentRequest,
) {
  const agent = await registry.deregister(agentId, target, {
    graceMs: grace && Number(grace.seconds) * 1000 + grace.nanos / 1e6,
    cancelRun: (key, runId) => engine.cancelRun(key, runId),
  });
  return agent === undefined ? {} : { agent: registeredAgentMessage(agent) };
}

/** An agent as it is now; undefined if it is gone. */
async function showAgent(
  registry: AgentRegistry,
  { engine }: CompleteOptions,
  agentId: string,
  signal: AbortSignal,
): Promise<RegisteredAgent | undefined> {
  const pool = registry.pool(agentId);
  if (pool !== undefined) return registeredAgentMessage(pool);
  const named = registry.builtIn.find((one) => one.agentId === agentId);
  return named && builtInAgentMessage(named, engine.activeRunCountOf(agentId), signal);
}

async function* watch(
  registry: AgentRegistry,
  options: CompleteOptions,
  { agentId }: WatchAgentsRequest,
  { signal }: HandlerContext,
): AsyncGenerator<WatchAgentsResponse> {
  try {
    const agents = registry.watch({ agentId, idleMs: options.heartbeatMs, signal });
    try {
      for (;;) {
        const item = await itemOf(await agents.next(), (id) => showAgent(registry, options, id, signal));
        if (item !== undefined) yield create(WatchAgentsResponseSchema, { item });
      }
    } finally {
      agents.close();
    }
  } catch (error) {
    throw toConnectError(error);
  }
}

/** An item of the stream; undefined for an agent that went away meanwhile, which the watch tells next. */
async function itemOf(
  item: AgentWatchItem,
  show: (agentId: string) => Promise<RegisteredAgent | undefined>,
): Promise<WatchAgentsResponse["item"] | undefined> {
  if (item === "idle") return { case: "heartbeat", value: create(HeartbeatSchema, { time: timestampNow() }) };
  if ("removedAgentId" in item) return { case: "removedAgentId", value: item.removedAgentId };
  if ("agentCount" in item) {
    const value = create(AgentsCaughtUpSchema, { agentCount: BigInt(item.agentCount) });
    return { case: "caughtUp", value };
  }
  const value = await show(item.agentId);
  return value && { case: "agent", value };
}
