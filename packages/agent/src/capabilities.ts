import type { AgentCapabilities } from "@dragoman/agui";
import type { Agent } from "./agent.ts";

/** How long an agent may take to say what it can do, in milliseconds. */
const capabilitiesTimeoutMs = 2_000;

/** What an agent says it can do; nothing if it does not say, fails, or takes too long. */
export async function capabilitiesOf(agent: Agent, signal: AbortSignal): Promise<AgentCapabilities> {
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
