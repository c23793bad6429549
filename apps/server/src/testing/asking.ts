import type { AguiEvent, Interrupt, RunAgentInput } from "@dragoman/agui";
import { inputToMessage } from "@dragoman/agui";
import type { SessionInterrupt } from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import type { Services } from "./services.ts";

/** A question without a schema. */
export const question = (id: string, more: Partial<Interrupt> = {}): Interrupt => ({
  id,
  reason: "input",
  ...more,
});

/** A script of a recording agent: it asks what the message says as JSON, and says what it was answered. */
export function askAsTold({ threadId, runId, messages, resume = [] }: RunAgentInput): AguiEvent[] {
  if (resume.length > 0)
    return [{ type: "CUSTOM", name: "answered", value: JSON.parse(JSON.stringify(resume)) }];
  const last = messages.at(-1);
  const interrupts: Interrupt[] =
    last?.role === "user" && typeof last.content === "string" ? JSON.parse(last.content) : [];
  if (interrupts.length === 0) return [];
  return [{ type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts } }];
}

/** Has an agent that does as told ask something, in a new session; returns the id of the session. */
export async function ask(
  services: Services,
  agentId: string,
  interrupts: readonly Interrupt[],
  threadId: string = crypto.randomUUID(),
): Promise<string> {
  const runId = crypto.randomUUID();
  const messages = [{ id: `m-${runId}`, role: "user" as const, content: JSON.stringify(interrupts) }];
  await readToEnd(services.agui.runAgent({ agentId, input: inputToMessage({ threadId, runId, messages }) }));
  return threadId;
}

/** Reads a stream to its end. */
export async function readToEnd(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Waits until a run has ended, and returns it. */
export async function endedRun(services: Services, sessionId: string, runId: string) {
  await readToEnd(services.runs.observeRun({ sessionId, runId }));
  return (await services.runs.getRun({ sessionId, runId })).run;
}

/** An item of a stream of interrupts. */
interface Item {
  readonly item:
    | { readonly case: "interrupt"; readonly value: SessionInterrupt }
    | { readonly case: string | undefined; readonly value?: unknown };
}

/** Reads a stream of interrupts until so many came, besides heartbeats. */
export async function takeItems<T extends Item>(
  stream: AsyncIterator<T>,
  count: number,
): Promise<T["item"][]> {
  const items: T["item"][] = [];
  while (items.length < count) {
    const next = await stream.next();
    if (next.done) throw new Error(`the stream ended after ${items.length} items`);
    if (next.value.item.case !== "heartbeat") items.push(next.value.item);
  }
  return items;
}
