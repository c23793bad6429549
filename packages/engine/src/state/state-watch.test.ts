import { expect, test } from "vitest";
import { attach, engineWith, heldAgent, input, key, readAll, request } from "../testing/harness.ts";

const { signal } = new AbortController();

test("a watcher sees how a session with an active run ends: with the state dropped, and then no more", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  await engine.createSession(key, {}, { a: 1 });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  const watch = await engine.states.watch(key, { idleMs: 5_000, signal });
  expect(await watch.next()).toMatchObject({ state: { a: 1 } });
  const seen: unknown[] = [];
  const watching = (async () => {
    for (let next = await watch.next(); next !== "end"; next = await watch.next()) seen.push(next);
  })();
  await Promise.all([engine.endSession(key, true), readAll(attachment)]);
  await watching;
  watch.close();
  expect(seen).toEqual([{ state: {}, revision: (await engine.states.get(key)).revision }]);
});

test("a watcher that looks while the end is written is told of it too", async () => {
  const { engine } = await engineWith(heldAgent());
  for (let steps = 0; steps < 40; steps++) {
    const own = { ...key, id: `s${steps}` };
    await engine.createSession(own, {}, { a: 1 });
    const watch = await engine.states.watch(own, { idleMs: 5_000, signal });
    await watch.next();
    const ending = engine.endSession(own, true);
    for (let step = 0; step < steps; step++) await Promise.resolve();
    expect(await watch.next()).toMatchObject({ state: {} });
    expect(await watch.next()).toBe("end");
    watch.close();
    await ending;
  }
});
