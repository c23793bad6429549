import { createAgent as createAgUiAgent } from "@dragoman/adapter-ag-ui";
import { createAgent as createDemoAgent } from "@dragoman/adapter-demo";
import { createAgent as createLlmAgent } from "@dragoman/adapter-llm";
import { createAgent as createScriptAgent } from "@dragoman/adapter-script";
import type { Agent } from "@dragoman/agent";
import { remoteAgent } from "@dragoman/agent/remote";
import type { NamedAgent } from "@dragoman/orchestrator";
import { UsageError } from "../usage-error.ts";
import type { AgentConfig, ServeConfig } from "./config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const llmModelDefault = "gpt-4o-mini";

/**
 * Makes the agents that a server offers, the default one first: `demo` always, `llm` where there is an
 * OPENAI_API_KEY or OPENAI_BASE_URL, those of `--agent`, and the test agents where they are asked for.
 */
export function createAgents(config: ServeConfig, environment: Environment): NamedAgent[] {
  const agents: NamedAgent[] = [{ agentId: "demo", agent: createDemoAgent() }];
  if (environment.OPENAI_API_KEY || environment.OPENAI_BASE_URL) {
    agents.push({
      agentId: "llm",
      agent: llmAgent(environment.OPENAI_MODEL || llmModelDefault, environment),
    });
  }
  for (const one of config.agents)
    agents.push({ agentId: one.agentId, agent: configuredAgent(one, environment) });
  if (config.testAgents) {
    agents.push({ agentId: "script", agent: createScriptAgent({ unverified: false }) });
    agents.push({ agentId: "script-unverified", agent: createScriptAgent({ unverified: true }) });
  }
  return withDefaultFirst(withoutRepeats(agents), config.defaultAgentId);
}

function configuredAgent(config: AgentConfig, environment: Environment): Agent {
  try {
    return agentOf(config, environment);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    const { agentId, kind, target } = config;
    throw new UsageError(`--agent ${agentId}=${kind}:${target} cannot be used: ${error.message}`);
  }
}

function agentOf({ kind, target }: AgentConfig, environment: Environment): Agent {
  switch (kind) {
    case "ag-ui":
      return createAgUiAgent({ url: target });
    case "grpc":
      return remoteAgent({ target: target.includes("://") ? target : `http://${target}` });
    case "llm":
      return llmAgent(target, environment);
  }
}

function llmAgent(model: string, environment: Environment) {
  return createLlmAgent({
    model,
    apiKey: environment.OPENAI_API_KEY || "none",
    ...(environment.OPENAI_BASE_URL && { baseURL: environment.OPENAI_BASE_URL }),
  });
}

/** A later agent replaces an earlier one of its id, so that `--agent demo=…` works. */
function withoutRepeats(agents: readonly NamedAgent[]): NamedAgent[] {
  return [...new Map(agents.map((named) => [named.agentId, named])).values()];
}

function withDefaultFirst(agents: readonly NamedAgent[], defaultAgentId: string | undefined): NamedAgent[] {
  if (defaultAgentId === undefined) return [...agents];
  const chosen = agents.find(({ agentId }) => agentId === defaultAgentId);
  if (chosen) return [chosen, ...agents.filter((named) => named !== chosen)];
  const known = agents.map(({ agentId }) => agentId).join(", ");
  throw new UsageError(
    `--default-agent ${defaultAgentId} is not an agent of this server; there are: ${known}.`,
  );
}
