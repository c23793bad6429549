import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { capabilitiesOf } from "@dragoman/agent";
import { capabilitiesToMessage } from "@dragoman/agui";
import {
  type AgentEndpoint,
  AgentEndpointSchema,
  AgentEndpointState,
  AgentProtocol,
  type RegisteredAgent,
  RegisteredAgentSchema,
  RegisteredAgentState,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import type { NamedAgent } from "../agent-directory.ts";
import type { AgentPool, AgentState } from "./agent-pool.ts";
import type { Endpoint, EndpointHealth } from "./endpoint.ts";
import type { EndpointProtocol, EndpointSpec } from "./endpoint-spec.ts";

const agentStates: Readonly<Record<AgentState, RegisteredAgentState>> = {
  ready: RegisteredAgentState.READY,
  unavailable: RegisteredAgentState.UNAVAILABLE,
  draining: RegisteredAgentState.DRAINING,
};

const endpointStates: Readonly<Record<EndpointHealth, AgentEndpointState>> = {
  unknown: AgentEndpointState.UNSPECIFIED,
  healthy: AgentEndpointState.HEALTHY,
  unhealthy: AgentEndpointState.UNHEALTHY,
};

const protocols: Readonly<Record<EndpointProtocol, AgentProtocol>> = {
  grpc: AgentProtocol.GRPC,
  "grpc-web": AgentProtocol.GRPC_WEB,
  connect: AgentProtocol.CONNECT,
};

/** The registry's name of a state in a filter; undefined for any. */
export function agentStateName(state: RegisteredAgentState): AgentState | undefined {
  return (Object.keys(agentStates) as AgentState[]).find((name) => agentStates[name] === state);
}

/** What a caller registers as an endpoint. */
export function endpointSpec({ target, protocol, remoteAgentId, headers }: AgentEndpoint): EndpointSpec {
  const names = Object.keys(protocols) as EndpointProtocol[];
  const name = names.find((one) => protocols[one] === protocol) ?? "grpc";
  return { target, protocol: name, remoteAgentId, headers };
}

/** The wire form of a registered agent as it is now. */
export function registeredAgentMessage(pool: AgentPool): RegisteredAgent {
  const { createTime, updateTime } = pool.record;
  return create(RegisteredAgentSchema, {
    agentId: pool.agentId,
    createTime: timestampFromMs(createTime),
    updateTime: timestampFromMs(updateTime),
    description: pool.description,
    kind: pool.kind,
    state: agentStates[pool.state],
    endpoints: pool.endpoints.map((endpoint) => endpointMessage(endpoint, pool.state === "draining")),
    capabilities: capabilitiesToMessage(pool.capabilities()),
    activeRunCount: BigInt(pool.activeRunCount),
  });
}

/** The wire form of an agent of the server's own program. */
export async function builtInAgentMessage(
  { agentId, agent }: NamedAgent,
  activeRunCount: number,
  signal: AbortSignal,
): Promise<RegisteredAgent> {
  return create(RegisteredAgentSchema, {
    agentId,
    description: agent.description ?? "",
    kind: agent.kind ?? "custom",
    state: RegisteredAgentState.READY,
    capabilities: capabilitiesToMessage(await capabilitiesOf(agent, signal)),
    activeRunCount: BigInt(activeRunCount),
  });
}

/** Headers are told by name only. */
function endpointMessage(endpoint: Endpoint, isDraining: boolean): AgentEndpoint {
  const { spec, checkTime } = endpoint;
  const drains = isDraining || endpoint.isDraining;
  return create(AgentEndpointSchema, {
    target: spec.target,
    protocol: protocols[spec.protocol],
    remoteAgentId: spec.remoteAgentId,
    headers: Object.fromEntries(Object.keys(spec.headers).map((name) => [name, ""])),
    state: drains ? AgentEndpointState.DRAINING : endpointStates[endpoint.health],
    activeRunCount: BigInt(endpoint.leases.size),
    ...(checkTime !== undefined && { checkTime: timestampFromMs(checkTime) }),
    errorMessage: endpoint.errorMessage,
  });
}
