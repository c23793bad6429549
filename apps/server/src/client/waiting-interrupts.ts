import type { AgentClient } from "@dragoman/client";
import type { SessionInterrupt } from "@dragoman/contract/orchestrator/v1/interrupt_pb";

/** Which interrupts to look for. */
export interface WaitingFilter {
  readonly sessionId?: string;
  readonly runId?: string;
  readonly agentId?: string;
}

/** What waits for an answer now, oldest first. */
export async function waitingInterrupts(
  client: AgentClient,
  { sessionId = "", runId = "", agentId = "" }: WaitingFilter,
): Promise<SessionInterrupt[]> {
  const enough = new AbortController();
  const { signal } = enough;
  const found: SessionInterrupt[] = [];
  const request = { filter: { sessionId, runId, agentId } };
  try {
    for await (const { item } of client.humanInLoop.watchInterrupts(request, { signal })) {
      if (item.case === "interrupt") found.push(item.value);
      if (item.case === "caughtUp") break;
    }
  } finally {
    enough.abort();
  }
  return found.reverse();
}
