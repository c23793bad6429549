import { toBinary } from "@bufbuild/protobuf";
import {
  type RegisteredAgent,
  RegisteredAgentSchema,
  type RegisteredAgentState,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { invalidPageToken, pageSizeOf } from "@dragoman/engine";
import type { AgentState } from "./agent-pool.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { agentStateName } from "./to-message.ts";

/** Which page of agents is asked for. */
export interface AgentPageQuery {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly state: RegisteredAgentState;
}

/** Where a page begins: after so many agents of the program, then after that order among the registered. */
interface PagePlace {
  readonly builtIn: number;
  readonly order: number;
}

const firstPlace: PagePlace = { builtIn: 0, order: Number.POSITIVE_INFINITY };

/** Bytes that the agents of one page may have, unless it is one: clients of gRPC take 4 MiB unconfigured. */
const pageMaxBytes = 3 * 1024 * 1024;

/**
 * A page of agents: those of the program, then the registered ones, the last one first.
 *
 * @param show an agent as it is by now; undefined for one that is gone
 */
export async function pageOf(
  registry: AgentRegistry,
  { pageSize, pageToken, state }: AgentPageQuery,
  show: (agentId: string) => Promise<RegisteredAgent | undefined>,
): Promise<{ agents: RegisteredAgent[]; nextPageToken: string }> {
  const after = pageToken === "" ? firstPlace : readToken(pageToken, state);
  const found = placedAgents(registry, after, agentStateName(state));
  const size = pageSizeOf(pageSize);
  const candidates = found.slice(0, size);
  const shown = await Promise.all(candidates.map(({ agentId }) => show(agentId)));
  const agents: RegisteredAgent[] = [];
  let bytes = 0;
  let taken = 0;
  for (const agent of shown) {
    bytes += agent ? toBinary(RegisteredAgentSchema, agent).length : 0;
    if (agents.length > 0 && bytes > pageMaxBytes) break;
    if (agent) agents.push(agent);
    taken += 1;
  }
  const last = candidates[taken - 1];
  return { agents, nextPageToken: last && taken < found.length ? writeToken(last.place, state) : "" };
}

/** The agents after a place that are in a state, each with its place. */
function placedAgents(registry: AgentRegistry, after: PagePlace, state: AgentState | undefined) {
  const { builtIn } = registry;
  const first = builtIn.map(({ agentId }, index) => {
    return { agentId, state: "ready", place: { builtIn: index + 1, order: after.order } };
  });
  const then = registry.list().flatMap(({ agentId }) => {
    const pool = registry.pool(agentId);
    if (pool === undefined || pool.record.order >= after.order) return [];
    return [{ agentId, state: pool.state, place: { builtIn: builtIn.length, order: pool.record.order } }];
  });
  return [...first.slice(after.builtIn), ...then].filter((one) => state === undefined || one.state === state);
}

/** JSON has no infinity: no order is null. */
function writeToken({ builtIn, order }: PagePlace, state: RegisteredAgentState): string {
  return Buffer.from(JSON.stringify(["agents", state, builtIn, order])).toString("base64url");
}

function readToken(token: string, wanted: RegisteredAgentState): PagePlace {
  const [kind, state, builtIn, order] = parse(token);
  const isPlace = Number.isSafeInteger(builtIn) && (order === null || Number.isSafeInteger(order));
  if (kind !== "agents" || state !== wanted || !isPlace) throw invalidPageToken();
  return { builtIn: Number(builtIn), order: order === null ? Number.POSITIVE_INFINITY : Number(order) };
}

function parse(token: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
