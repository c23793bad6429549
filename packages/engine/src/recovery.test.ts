import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import {
  attach,
  echoAgent,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  reduced,
  request,
  runToEnd,
  types,
  user,
} from "./testing/harness.ts";

/** An engine that is never told to stop, as after kill -9: a second one finds what it left. */
async function crashWith(
  store: Store,
  prepare: (engine: Awaited<ReturnType<typeof engineWith>>["engine"]) => Promise<void>,
) {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { store });
  const { attachment } = await engine.start(request(input("r1", [user("u1")])), attach());
  await agent.started;
  await prepare(engine);
  return readAll(attachment, 3);
}

test("a run that a crash left open ends in one NODE_LOST with everything closed, after what clients saw", async () => {
  const store = await openMemoryStore();
  const before = await crashWith(store, async () => {});
  const { engine } = await engineWith(echoAgent(), { store });
  const after = await readAll(await engine.observeSession(key, attach(), false));
  expect(after.slice(0, before.length)).toEqual(before);
  expect(types(after).slice(before.length)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
  expect(after.at(-1)?.event).toMatchObject({ code: "NODE_LOST" });
  expect(after.map(({ sequence }) => sequence)).toEqual(after.map((_, index) => index + 1));
  expect((await engine.getRun(key, "r1")).state).toBe("failed");
  const next = await runToEnd(engine, input("r2", [user("u2")]));
  expect(next[0]?.sequence).toBe(after.length + 1);
});

test("a run whose cancel was durable ends as cancelled after a crash", async () => {
  const store = await openMemoryStore();
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { store });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  attachment.close();
  // The intent reaches the log, and then the process is gone before the agent notices.
  const entry = await store.catalog.get({ namespace: "default", kind: "run", parent: "t", id: "r1" });
  if (!entry) throw new Error("the run is not in the catalog");
  const info = { ...JSON.parse(new TextDecoder().decode(entry.value)), cancelRequested: true };
  await store.catalog.put([{ put: { ...entry, value: new TextEncoder().encode(JSON.stringify(info)) } }]);
  const second = await engineWith(echoAgent(), { store });
  const seen = await readAll(await second.engine.observeRun(key, "r1", attach()));
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
});

test("queued runs begin after a crash, in their order", async () => {
  const store = await openMemoryStore();
  await crashWith(store, async (engine) => {
    for (const runId of ["r2", "r3"]) {
      const { attachment } = await engine.start(
        request(input(runId, [user(`u-${runId}`)]), { ifActive: "queue" }),
        attach(),
      );
      attachment.close();
    }
  });
  const agent = echoAgent();
  const { engine } = await engineWith(agent, { store });
  const last = await readAll(await engine.observeRun(key, "r3", attach()));
  expect(types(last).at(-1)).toBe("RUN_FINISHED");
  expect(agent.inputs.map(({ runId }) => runId)).toEqual(["r2", "r3"]);
  expect(agent.inputs[1]?.messages.map(({ id }) => id)).toEqual(["u1", "h-r1", "u-r2", "a-r2", "u-r3"]);
});

test("a session opens from a checkpoint with the same meaning as from its whole log", async () => {
  const store = await openMemoryStore();
  const { engine } = await engineWith(
    {
      async *run({ threadId, runId }) {
        yield { type: "TEXT_MESSAGE_START", messageId: runId };
        for (let index = 0; index < 3_000; index++)
          yield { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta: "x" };
        yield { type: "TEXT_MESSAGE_END", messageId: runId };
        yield { type: "STATE_SNAPSHOT", snapshot: { last: runId } };
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    },
    { store },
  );
  const whole = [
    ...(await runToEnd(engine, input("r1", [user("u1")]))),
    ...(await runToEnd(engine, input("r2"))),
  ];
  const checkpoint = { namespace: "default", kind: "checkpoint", parent: "t", id: "latest" };
  expect(await store.catalog.get(checkpoint)).toBeDefined();
  const second = await engineWith(echoAgent(), { store });
  const seen = await readAll(await second.engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(reduced(seen)).toEqual(reduced(whole));
});

test("a stop lets runs end, then ends them itself", async () => {
  const quick = heldAgent();
  const one = await engineWith(quick);
  const { attachment } = await one.engine.start(request(input("r1")), attach());
  await quick.started;
  const closing = one.engine.close(5_000);
  await expect(runToEnd(one.engine, input("r2"))).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  quick.release();
  await closing;
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");

  const stuck = heldAgent();
  const two = await engineWith(stuck);
  const other = await two.engine.start(request(input("r1")), attach());
  await stuck.started;
  await two.engine.close(10);
  const seen = await readAll(other.attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
});

test("what waits when a server stops begins at the next start", async () => {
  const store = await openMemoryStore();
  const held = heldAgent();
  const { engine } = await engineWith(held, { store });
  const first = await engine.start(request(input("r1")), attach());
  await held.started;
  for (const runId of ["r2", "r3"]) {
    const { attachment } = await engine.start(request(input(runId), { ifActive: "queue" }), attach());
    attachment.close();
  }
  await engine.close(10);
  expect(types(await readAll(first.attachment)).at(-1)).toBe("RUN_ERROR");
  const states = async () => {
    const all = [];
    for (const id of ["r1", "r2", "r3"]) all.push((await engine.getRun(key, id)).state);
    return all;
  };
  expect(await states()).toEqual(["failed", "queued", "queued"]);

  const agent = echoAgent();
  const second = await engineWith(agent, { store });
  const last = await readAll(await second.engine.observeRun(key, "r3", attach()));
  expect(types(last).at(-1)).toBe("RUN_FINISHED");
  expect(agent.inputs.map(({ runId }) => runId)).toEqual(["r2", "r3"]);
});

test("a run that is just beginning when a server stops ends like any other", async () => {
  const store = await openMemoryStore();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reached = () => {};
  const appending = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const append: Store["log"]["append"] = async (...args) => {
    reached();
    await held;
    return store.log.append(...args);
  };
  const log = new Proxy(store.log, {
    get: (target, name) => (name === "append" ? append : Reflect.get(target, name).bind?.(target)),
  });
  const { engine } = await engineWith(heldAgent(), { store: { ...store, catalog: store.catalog, log } });
  const starting = engine.start(request(input("r1")), attach());
  await appending;
  const closing = engine.close(50);
  release();
  await closing;
  const seen = await readAll((await starting).attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
});
