import { expect, test } from "vitest";
import { attach, engineWith, heldAgent, input, key, readAll, request, types } from "../testing/harness.ts";

test("a control for one run does nothing to another one, and tells so", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r2")), attach());
  await agent.started;
  for (const outcome of [
    await engine.chats.cancel(key, "r1"),
    await engine.chats.setPaused(key, true, "r1"),
  ]) {
    expect(outcome).toMatchObject({ disposition: "done", runId: "" });
  }
  expect((await engine.chats.status(key)).state).toBe("running");
  expect(await engine.chats.setPaused(key, true, "r2")).toMatchObject({ runId: "r2" });
  expect((await engine.chats.status(key)).state).toBe("paused");
  await engine.chats.setPaused(key, false, "r2");
  expect(await engine.chats.cancel(key, "r2")).toMatchObject({ runId: "r2" });
  const seen = await readAll(attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  expect(types(seen)).toContain("TEXT_MESSAGE_END");
});
