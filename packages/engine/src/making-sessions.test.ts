import { expect, test } from "vitest";
import { attach, echoAgent, engineWith, input, key, request, user } from "./testing/harness.ts";

const tooLarge = "x".repeat(5_000_000);

test("a session has the options of who made it, not of somebody who failed to at the same time", async () => {
  const { engine } = await engineWith(echoAgent());
  const options = { metadata: { by: "second" }, retentionMs: 5_000 };
  const [first, second] = await Promise.allSettled([
    engine.createSession(key, { metadata: { by: "first" }, expireAfterMs: 1_000 }, tooLarge),
    engine.createSession(key, options),
  ]);
  expect(first).toMatchObject({ status: "rejected", reason: { reason: "LIMIT_REACHED" } });
  expect(second).toMatchObject({ status: "fulfilled", value: { info: { options } } });
  expect((await engine.getSession(key)).info.options).toEqual(options);
});

test("a run whose session somebody failed to make is in a session without options", async () => {
  const { engine } = await engineWith(echoAgent());
  const [failed, , started] = await Promise.allSettled([
    engine.createSession(key, { metadata: { by: "first" } }, tooLarge),
    engine.createSession(key, { metadata: { by: "second" } }, tooLarge),
    engine.start(request(input("r", [user("m")])), attach()),
  ]);
  expect(failed.status).toBe("rejected");
  expect(started).toMatchObject({ status: "fulfilled", value: { created: true } });
  const { info } = await engine.getSession(key);
  expect(info.options).toBeUndefined();
  expect(info.agentId).toBe("agent");
});

test("a session is made as asked beside a run that is refused", async () => {
  const { engine } = await engineWith(echoAgent());
  const refused = request(input("r", [user("m")], { state: { a: 1 } }), { ifStateRevision: 7 });
  const [made, run] = await Promise.allSettled([
    engine.createSession(key, { metadata: { by: "me" } }),
    engine.start(refused, attach()),
  ]);
  expect(run.status).toBe("rejected");
  expect(made).toMatchObject({
    status: "fulfilled",
    value: { info: { options: { metadata: { by: "me" } } } },
  });
});
