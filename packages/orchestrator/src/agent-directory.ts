import type { Agent } from "@dragoman/agent";
import type { AgentSource } from "@dragoman/engine";

/** An agent under the id that it is run by. */
export interface NamedAgent {
  readonly agentId: string;
  readonly agent: Agent;
}

/** The agents of a server. */
export interface AgentDirectory extends AgentSource {
  /** All agents, the default one first. */
  list(): readonly NamedAgent[];
}

/** Makes a directory of a fixed set of agents; the first one is the default. */
export function createAgentDirectory(agents: readonly NamedAgent[]): AgentDirectory {
  const byId = new Map(agents.map((named) => [named.agentId, named]));
  return {
    find: (agentId) => (agentId === "" ? agents[0] : byId.get(agentId)),
    list: () => agents,
  };
}
