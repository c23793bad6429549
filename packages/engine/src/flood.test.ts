import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { openEngine } from "./engine.ts";
import { agentOf, attach, input, key, readAll, request } from "./testing/harness.ts";

test("a cancel comes through while an agent floods a slow store", async () => {
  const flood = agentOf(async function* () {
    yield { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" };
    for (;;) {
      yield { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "x".repeat(100) };
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const store = await openMemoryStore();
  const log = Object.assign(Object.create(store.log) as typeof store.log, {
    async append(...args: Parameters<typeof store.log.append>) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return store.log.append(...args);
    },
  });
  const engine = await openEngine({
    store: { ...store, log, catalog: store.catalog },
    agents: { find: () => ({ agentId: "agent", agent: flood }) },
  });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await readAll(await engine.observeRun(key, "r1", attach()), 20);
  await engine.cancelRun(key, "r1");
  const seen = await readAll(attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
});
