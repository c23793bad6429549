import { create, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentClient, errorReasonOf } from "@dragoman/client";
import {
  type WatchAgentsResponse,
  WatchAgentsResponseSchema,
} from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import {
  type AgentEndpoint,
  AgentEndpointState,
  AgentProtocol,
  type RegisteredAgent,
  RegisteredAgentSchema,
  RegisteredAgentState,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { printTable } from "./table.ts";

interface PrintFlags {
  readonly json?: boolean;
}

const protocols: Readonly<Record<string, AgentProtocol>> = {
  grpc: AgentProtocol.GRPC,
  "grpc-web": AgentProtocol.GRPC_WEB,
  connect: AgentProtocol.CONNECT,
};

/** Reads --protocol. */
export function protocolOf(name: string): AgentProtocol {
  const protocol = protocols[name];
  if (protocol !== undefined) return protocol;
  throw new UsageError(`--protocol takes grpc, grpc-web or connect, not ${JSON.stringify(name)}.`);
}

/** All agents of a server. A bare host has no registry: there it is what it serves. */
export async function listAgents(client: AgentClient): Promise<RegisteredAgent[]> {
  try {
    const agents: RegisteredAgent[] = [];
    for (let pageToken = "", isLast = false; !isLast; isLast = pageToken === "") {
      const page = await client.agentRegistry.listAgents({ pageSize: 1_000, pageToken });
      agents.push(...page.agents);
      pageToken = page.nextPageToken;
    }
    return agents;
  } catch (error) {
    if (!isNotServed(error)) throw error;
  }
  const { agents } = await client.agui.getServiceInfo({});
  return agents.map(({ id: agentId, kind, description, capabilities }) =>
    create(RegisteredAgentSchema, {
      agentId,
      kind,
      description,
      state: RegisteredAgentState.READY,
      ...(capabilities && { capabilities }),
    }),
  );
}

/** Prints agents with their endpoints: for people a table in which those stand below their agent. */
export function printAgents(agents: readonly RegisteredAgent[], { json }: PrintFlags): void {
  const terminal = processTerminal();
  if (json) {
    for (const agent of agents) terminal.out(`${JSON.stringify(toJson(RegisteredAgentSchema, agent))}\n`);
    return;
  }
  printTable(terminal, ["AGENT", "KIND", "STATE", "RUNS", "DESCRIPTION"], agents.flatMap(rowsOf));
}

/** Prints agents as they are, then each that changes, until the signal aborts. */
export async function watchAgents(
  client: AgentClient,
  agentId: string,
  { json }: PrintFlags,
  signal: AbortSignal,
): Promise<void> {
  const { out } = processTerminal();
  try {
    for await (const response of client.agentRegistry.watchAgents({ agentId }, { signal })) {
      if (response.item.case === "heartbeat") continue;
      if (json) out(`${JSON.stringify(toJson(WatchAgentsResponseSchema, response))}\n`);
      else for (const line of linesOf(response)) out(`${line}\n`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function linesOf({ item }: WatchAgentsResponse): string[] {
  if (item.case === "removedAgentId") return [`${item.value} is gone`];
  if (item.case !== "agent") return [];
  return rowsOf(item.value).map(([agent, kind, state, runs, what]) => {
    const count = `${runs} ${runs === "1" ? "run" : "runs"}`;
    return [agent === "" ? " " : agent, kind, state, count, what].filter((cell) => cell !== "").join("  ");
  });
}

function rowsOf(agent: RegisteredAgent): string[][] {
  const { agentId, kind, description, activeRunCount, endpoints } = agent;
  const state = nameOf(RegisteredAgentState[agent.state]);
  return [[agentId, kind, state, String(activeRunCount), description], ...endpoints.map(endpointRow)];
}

function endpointRow({ target, protocol, state, activeRunCount, errorMessage }: AgentEndpoint): string[] {
  const what = errorMessage === "" ? target : `${target} (${errorMessage})`;
  const name = nameOf(AgentProtocol[protocol]).replace("_", "-");
  return ["", name, nameOf(AgentEndpointState[state]), String(activeRunCount), what];
}

function nameOf(value: string | undefined): string {
  return value === undefined || value === "UNSPECIFIED" ? "unknown" : value.toLowerCase();
}

function isNotServed(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  return error.code === Code.Unimplemented || errorReasonOf(error) === "PATH_NOT_FOUND";
}
