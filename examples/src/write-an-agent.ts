import { serve } from "@dragoman/agent/serve";

const host = await serve(
  {
    async *run({ threadId, runId, messages }) {
      const last = messages.at(-1)?.content;
      yield { type: "TEXT_MESSAGE_CHUNK", messageId: crypto.randomUUID(), delta: `You said: ${last}` };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  },
  { port: Number(process.env.PORT ?? 50052) },
);
console.log(`an agent is listening on ${host.url}`);
