import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { Agent } from "../agent.ts";

/** Agents by the id that they are run by. */
export type Agents = Readonly<Record<string, Agent>>;

/** The id of an agent that is served alone and was given none. */
export const defaultAgentId = "default";

/** The agents that a host serves. The first one is the default. */
export class NamedAgents {
  readonly #agents: ReadonlyMap<string, Agent>;

  /** Takes one agent, or several by id. Throws a TypeError if there is none. */
  constructor(given: Agent | Agents) {
    this.#agents = new Map(isAgent(given) ? [[defaultAgentId, given]] : Object.entries(given));
    if (this.#agents.size === 0) throw new TypeError("there is no agent to serve");
    for (const [id, agent] of this.#agents) {
      if (!isAgent(agent)) throw new TypeError(`agent ${JSON.stringify(id)} has no method run`);
    }
  }

  /** The agents of an id, or all for the empty one. Throws NOT_FOUND, AGENT_NOT_FOUND if there is none. */
  select(agentId: string): (readonly [id: string, agent: Agent])[] {
    return agentId === "" ? [...this.#agents] : [this.find(agentId)];
  }

  /** The agent of an id; for the empty one the default. Throws NOT_FOUND, AGENT_NOT_FOUND if there is none. */
  find(agentId: string): readonly [id: string, agent: Agent] {
    for (const entry of this.#agents) if (agentId === "" || entry[0] === agentId) return entry;
    const known = [...this.#agents.keys()].map((id) => JSON.stringify(id)).join(", ");
    throw reasonError(
      Code.NotFound,
      "AGENT_NOT_FOUND",
      `There is no agent ${JSON.stringify(agentId)}; there is ${known}.`,
      { metadata: { agent_id: agentId } },
    );
  }
}

function isAgent(value: Agent | Agents): value is Agent {
  return typeof value.run === "function";
}
