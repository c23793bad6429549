import { createAgentClient } from "@dragoman/client/node";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

// An agent that asks before it acts. Its run ends with the question.
const messages = [{ id: "m1", role: "user" as const, content: "delete all notes" }];
const sessionId = crypto.randomUUID();
const run = client.run({ threadId: sessionId, messages }, { agentId: "demo" });
for await (const { event } of run) if (event.type === "RUN_FINISHED") console.log(event.outcome?.type);

// Somebody else, anywhere, answers it; the run that goes on starts by itself.
const watch = new AbortController();
const inbox = client.humanInLoop.watchInterrupts({ filter: { sessionId } }, { signal: watch.signal });
for await (const { item } of inbox) {
  if (item.case !== "interrupt") continue;
  const { interrupt, runId, toolName, toolArgumentsJson } = item.value;
  console.log(`${toolName}(${toolArgumentsJson})`);
  const answer = { sessionId, runId, interruptId: interrupt?.id ?? "" };
  const decision = { case: "deny", value: { reason: "not today" } } as const;
  const { resumedRunId } = await client.humanInLoop.resolveInterrupt({ ...answer, decision });
  for await (const { event } of client.observeRun({ sessionId, runId: resumedRunId })) {
    if (event.type === "TEXT_MESSAGE_CONTENT") process.stdout.write(event.delta);
  }
  console.log();
  break;
}
watch.abort();
client.close();
