import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, it, onTestFinished, vi } from "vitest";
import { echoAgent, engineWith, input, key, runToEnd } from "../testing/harness.ts";
import { toolOf } from "../testing/tool-agents.ts";

/** A store whose appends wait while a test holds them. */
function holdingStore(store: Store) {
  let held = Promise.resolve();
  let release = () => {};
  const append: Store["log"]["append"] = async (...args) => {
    await held;
    return store.log.append(...args);
  };
  const log = new Proxy(store.log, {
    get(target, name) {
      if (name === "append") return append;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return {
    store: { ...store, log, close: () => store.close() },
    hold() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
  };
}

it.each([
  ["a result", {}, { content: "the answer" }],
  ["a failure", { error: "no luck" }, { reason: "TOOL_FAILED" }],
])("%s that a client sent just in time counts, also while the store is slow", async (_, more, expected) => {
  const holding = holdingStore(await openMemoryStore());
  const { engine } = await engineWith(echoAgent(), { store: holding.store });
  onTestFinished(() => engine.close(0));
  await engine.tools.register({ namespace: "default", id: "" }, [toolOf("scan", "client")], false);
  await runToEnd(engine, input("r"));
  const call = { namespace: "default", sessionId: "t", toolName: "scan", args: {}, toolCallId: "c" };
  const executing = engine.tools
    .execute({ ...call, timeoutMs: 300 }, new AbortController().signal)
    .catch((error: unknown) => error);
  await vi.waitFor(async () =>
    expect(JSON.stringify((await engine.messages(key)).messages)).toContain("scan"),
  );
  holding.hold();
  const submitting = engine.tools.submit(key, { toolCallId: "c", content: "the answer", ...more });
  await new Promise((resolve) => setTimeout(resolve, 400));
  holding.release();
  await submitting;
  expect(await executing).toMatchObject(expected);
  const again = await engine.tools
    .execute(call, new AbortController().signal)
    .catch((error: unknown) => error);
  expect(again).toMatchObject(expected);
});
