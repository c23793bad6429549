import type { RegisteredAgentState } from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { invalidPageToken, pageSizeOf } from "@dragoman/engine";
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

/** The ids of a page of agents: those of the program, then the registered ones, the last one first. */
export function pageOf(registry: AgentRegistry, { pageSize, pageToken, state: wanted }: AgentPageQuery) {
  const state = agentStateName(wanted);
  const place = pageToken === "" ? firstPlace : readToken(pageToken, wanted);
  const size = pageSizeOf(pageSize);
  const { builtIn } = registry;
  const ids: string[] = [];
  let at = place;
  let hasMore = false;
  for (const { agentId } of registry.list()) {
    const pool = registry.pool(agentId);
    const index = builtIn.findIndex((one) => one.agentId === agentId);
    const order = pool?.record.order ?? 0;
    const isBefore = pool === undefined ? index < place.builtIn : order >= place.order;
    if (isBefore || (state !== undefined && state !== (pool?.state ?? "ready"))) continue;
    if (ids.length === size) {
      hasMore = true;
      break;
    }
    ids.push(agentId);
    at = pool === undefined ? { builtIn: index + 1, order: at.order } : { builtIn: builtIn.length, order };
  }
  return { agentIds: ids, nextPageToken: hasMore ? writeToken(at, wanted) : "" };
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
