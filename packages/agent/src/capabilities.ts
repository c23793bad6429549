import type { AgentCapabilities } from "@dragoman/agui";
import type { Agent } from "./agent.ts";

/** How long an agent may take to say what it can do, in milliseconds. */
const capabilitiesTimeoutMs = 2_000;

/** The name in `custom` under which capabilities tell that an agent is live. */
const liveName = "live";

/**
 * What an agent says it can do, and whether it is live; nothing more if it does not say, fails, or takes too long.
 */
export async function capabilitiesOf(agent: Agent, signal: AbortSignal): Promise<AgentCapabilities> {
  const own = await ownCapabilities(agent, signal);
  return agent.live ? { ...own, custom: { ...own.custom, [liveName]: true } } : own;
}

/** Whether capabilities tell of a live agent. */
export function areLive({ custom }: AgentCapabilities): boolean {
  return custom?.[liveName] === true;
}

async function ownCapabilities(agent: Agent, signal: AbortSignal): Promise<AgentCapabilities> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(capabilitiesTimeoutMs)]);
  const late = new Promise<AgentCapabilities>((resolve) => {
    limit.addEventListener("abort", () => resolve({}), { once: true });
  });
  try {
    return await Promise.race([Promise.resolve(agent.capabilities?.(limit) ?? {}), late]);
  } catch {
    return {};
  }
}
