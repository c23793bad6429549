import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { JsonPatchOperation } from "@dragoman/agui";
import { applyPatch, patchOperationFromMessage, patchOperationToMessage } from "@dragoman/agui";
import type { WatchStateResponse } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));
const value = (json: JsonValue): Value => fromJson(ValueSchema, json);
const json = (message: Value | undefined) => message && toJson(ValueSchema, message);
const patch = (...operations: JsonPatchOperation[]) => {
  return { case: "patch", value: { operations: operations.map(patchOperationToMessage) } } as const;
};
const merge = (change: JsonValue) => ({ case: "mergePatch", value: value(change) }) as const;

async function newSession(services: Services, state: JsonValue = {}): Promise<string> {
  const { session } = await services.sessions.createSession({ initialState: value(state) });
  return session?.sessionId ?? "";
}

/** What a watcher holds after each item that is no heartbeat. */
async function* states(
  stream: AsyncIterable<WatchStateResponse>,
): AsyncGenerator<{ state: unknown; revision: bigint }> {
  let state: unknown;
  for await (const { item, revision } of stream) {
    if (item.case === "snapshot") state = json(item.value);
    else if (item.case === "patch")
      state = applyPatch(state as never, item.value.operations.map(patchOperationFromMessage));
    else continue;
    yield { state, revision };
  }
}

describe.each(wireNames)("over %s", (name) => {
  test("the state is read, changed in three ways and watched", async () => {
    const services = over(name);
    const sessionId = await newSession(services, { a: 1, list: [1] });
    const watching = new AbortController();
    const seen = states(services.state.watchState({ sessionId }, { signal: watching.signal }));
    expect((await seen.next()).value.state).toEqual({ a: 1, list: [1] });
    const first = await services.state.updateState({
      sessionId,
      change: patch({ op: "test", path: "/a", value: 1 }, { op: "add", path: "/list/-", value: null }),
    });
    expect([json(first.state), first.changed]).toEqual([{ a: 1, list: [1, null] }, true]);
    expect((await seen.next()).value).toEqual({ state: { a: 1, list: [1, null] }, revision: first.revision });
    await services.state.updateState({ sessionId, change: merge({ a: null, b: { c: "ü" } }) });
    expect((await seen.next()).value.state).toEqual({ list: [1, null], b: { c: "ü" } });
    await services.state.updateState({ sessionId, change: { case: "replacement", value: value([1]) } });
    expect((await seen.next()).value.state).toEqual([1]);
    watching.abort();
    const read = await services.state.getState({ sessionId });
    expect(json(read.state)).toEqual([1]);
    expect(read.logId).not.toBe("");
  });

  test("keys limit what is read and watched", async () => {
    const services = over(name);
    const sessionId = await newSession(services, { cart: { items: [1], total: 1 }, other: 1 });
    const keys = ["/cart/items", "/absent"];
    expect(json((await services.state.getState({ sessionId, keys })).state)).toEqual({ "/cart/items": [1] });
    const watching = new AbortController();
    const seen = states(services.state.watchState({ sessionId, keys }, { signal: watching.signal }));
    expect((await seen.next()).value.state).toEqual({ "/cart/items": [1] });
    await services.state.updateState({ sessionId, change: merge({ other: 2 }) });
    await services.state.updateState({ sessionId, change: merge({ absent: true }) });
    expect((await seen.next()).value.state).toEqual({ "/cart/items": [1], "/absent": true });
    watching.abort();
  });

  test("a watcher goes on where it was: the first thing it gets is the next change", async () => {
    const services = over(name);
    const sessionId = await newSession(services, { a: 1 });
    const { revision, logId } = await services.state.getState({ sessionId });
    const watching = new AbortController();
    const stream = services.state.watchState(
      { sessionId, afterRevision: revision, logId },
      { signal: watching.signal },
    );
    const items = stream[Symbol.asyncIterator]();
    expect((await items.next()).value).toMatchObject({ revision, logId, item: { case: "heartbeat" } });
    await services.state.updateState({ sessionId, change: merge({ a: 2 }) });
    for (;;) {
      const { value: item } = await items.next();
      if (item?.item.case === "heartbeat") continue;
      expect(item?.item.case).toBe("patch");
      break;
    }
    watching.abort();
  });

  test("every documented error is reached", async () => {
    const { state, sessions } = over(name);
    const sessionId = await newSession(over(name), { a: 1 });
    const call = (request: Parameters<typeof state.updateState>[0]) =>
      refusedCall(state.updateState({ sessionId, ...request }));
    expect(await refusedCall(state.getState({ sessionId, keys: ["a"] }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
    });
    expect(await call({})).toMatchObject({ code: Code.InvalidArgument, reason: "INVALID_REQUEST" });
    const absent = { code: Code.NotFound, reason: "SESSION_NOT_FOUND", metadata: { session_id: "none" } };
    expect(await refusedCall(state.getState({ sessionId: "none" }))).toMatchObject(absent);
    expect(await call({ sessionId: "none", change: merge({}) })).toMatchObject(absent);
    expect(await refusedCall(state.watchState({ sessionId: "none" }))).toMatchObject(absent);
    expect(await call({ change: patch({ op: "remove", path: "/b" }) })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "STATE_CHANGE_NOT_APPLICABLE",
      metadata: { path: "/b", operation_index: "0" },
    });
    expect(await call({ change: merge({ a: 2 }), ifRevision: 999n })).toMatchObject({
      code: Code.Aborted,
      reason: "STALE_STATE",
      metadata: { revision: String((await state.getState({ sessionId })).revision) },
    });
    await state.updateState({ sessionId, change: merge({ a: 3 }), requestId: "q" });
    expect(await call({ change: merge({ a: 4 }), requestId: "q" })).toMatchObject({
      code: Code.AlreadyExists,
      reason: "REQUEST_EXISTS",
    });
    expect(await refusedCall(state.watchState({ sessionId, afterRevision: 9_999n }))).toMatchObject({
      code: Code.OutOfRange,
      reason: "CURSOR_AHEAD",
    });
    expect(await refusedCall(state.watchState({ sessionId, afterRevision: 1n, logId: "x" }))).toMatchObject({
      code: Code.OutOfRange,
      reason: "CURSOR_OF_ANOTHER_LOG",
    });
    await sessions.endSession({ sessionId });
    expect(await call({ change: merge({ a: 5 }) })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "SESSION_ENDED",
    });
  });
});

test("what nests too deep or weighs too much is refused, and names the limit", async () => {
  const services = over("gRPC");
  const sessionId = await newSession(services);
  let deep: JsonValue = 1;
  for (let n = 0; n < 32; n++) deep = { d: deep };
  const large = Array.from({ length: 3 }, () => "x".repeat(900 << 10));
  for (const change of [deep, { large, more: large }]) {
    expect(await refusedCall(services.state.updateState({ sessionId, change: merge(change) }))).toMatchObject(
      {
        code: Code.ResourceExhausted,
        reason: "LIMIT_REACHED",
      },
    );
  }
  expect(json((await services.state.getState({ sessionId })).state)).toEqual({});
});

test("a watcher is sent heartbeats while nothing happens, and the end of the session ends it", async () => {
  const services = over("gRPC");
  const sessionId = await newSession(services);
  const kinds: (string | undefined)[] = [];
  for await (const { item } of services.state.watchState({ sessionId })) {
    kinds.push(item.case);
    if (kinds.length === 2) await services.sessions.endSession({ sessionId });
  }
  expect(kinds.slice(0, 2)).toEqual(["snapshot", "heartbeat"]);
});

test("two clients and watchers on different wires end equal", async () => {
  const [one, two] = [over("gRPC"), over("Connect JSON, HTTP/1.1")];
  const sessionId = await newSession(one);
  const watchers = wireNames.map(async (name) => {
    const watching = new AbortController();
    for await (const { state } of states(
      over(name).state.watchState({ sessionId }, { signal: watching.signal }),
    )) {
      const { a = {}, b = {} } = state as { a?: object; b?: object };
      if (Object.keys(a).length + Object.keys(b).length < 40) continue;
      return state;
    }
    return undefined;
  });
  const write = async (services: Services, who: string) => {
    for (let n = 0; n < 20; n++)
      await services.state.updateState({ sessionId, change: merge({ [who]: { [`k${n}`]: n } }) });
  };
  await Promise.all([write(one, "a"), write(two, "b")]);
  const { state } = await one.state.getState({ sessionId });
  for (const seen of await Promise.all(watchers)) expect(seen).toEqual(json(state));
});
