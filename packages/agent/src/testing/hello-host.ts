import { serve } from "@dragoman/agent/serve";

const agent = {
  async *run() {
    yield { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hello" } as const;
    yield {
      type: "CUSTOM",
      name: "slow",
      value: await new Promise((resolve) => setTimeout(resolve, 300, "done")),
    } as const;
  },
};
const host = await serve(agent, { port: 0, drainOnSignals: true });
console.log(`serving on ${host.url}`);
