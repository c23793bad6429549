import { serve } from "@dragoman/agent/serve";
import { createAgentClient } from "@dragoman/client/node";

/** Says where it is with its work, when it is asked; until it is told that this is enough. */
const host = await serve({
  live: true,
  async *run({ threadId, runId }, { inputs }) {
    let done = 0;
    const work = setInterval(() => done++, 1);
    for await (const input of inputs ?? []) {
      if (input.type !== "message") continue;
      const isEnough = input.message.content === "enough";
      const delta = isEnough ? "I leave it there." : `I did ${done} things.`;
      yield { type: "TEXT_MESSAGE_CHUNK", messageId: crypto.randomUUID(), delta };
      if (isEnough) break;
    }
    clearInterval(work);
    yield { type: "RUN_FINISHED", threadId, runId };
  },
});

// What a server does with it: `dragoman serve --agent worker=grpc:<host>`, then `dragoman chat worker`.
const client = createAgentClient({ baseUrl: host.url });
async function* requests() {
  yield { input: { case: "start", value: { input: { threadId: "t", runId: "r" } } } } as const;
  for (const content of ["how far are you?", "enough"]) {
    yield { input: { case: "message", value: { id: content, role: "user", content } } } as const;
  }
}
for await (const { item } of client.live.liveSession(requests())) {
  if (item.case === "taken") console.log(`it took request ${item.value.requestNumber}`);
  if (item.case !== "event" || item.value.event.case !== "textMessageContent") continue;
  console.log(item.value.event.value.delta);
}
client.close();
await host.close();
