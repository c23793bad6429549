import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { eventFromMessage, type Json } from "@dragoman/agui";
import type { SessionEvent } from "@dragoman/contract/orchestrator/v1/event_service_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { finished, runScript } from "../testing/script-run.ts";
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

const text = (id: string, deltas: readonly string[] = ["hello"]): Json[] => [
  { type: "TEXT_MESSAGE_START", messageId: id, role: "assistant" },
  ...deltas.map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId: id, delta })),
  { type: "TEXT_MESSAGE_END", messageId: id },
];

async function run(
  services: Services,
  sessionId: string,
  runId: string,
  script = text(runId),
): Promise<void> {
  const forwardedProps: Json = { script: [...script, finished] };
  for await (const _ of runScript(services, sessionId, runId, { forwardedProps }));
}

/** Where an event is from and what it is, in short. */
const short = (event: SessionEvent | undefined) =>
  event &&
  `${event.sessionId}/${event.runId}/${event.sequence} ${event.event && eventFromMessage(event.event).type}`;

const fiveEvents = (session: string, id: string, first = 1) =>
  ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"].map(
    (type, index) => `${session}/${id}/${first + index} ${type}`,
  );

type Filter = Parameters<Services["events"]["watchEvents"]>[0]["filter"];

/** Watches until so many events came; resolves `ready` once it is attached. */
function watch(services: Services, filter: Filter, count: number) {
  const leaving = new AbortController();
  let attached = () => {};
  const ready = new Promise<void>((resolve) => {
    attached = resolve;
  });
  const seen = (async () => {
    const events: SessionEvent[] = [];
    for await (const { item } of services.events.watchEvents({ filter }, { signal: leaving.signal })) {
      if (item.case === "heartbeat") attached();
      if (item.case === "event") events.push(item.value);
      if (events.length === count) break;
    }
    leaving.abort();
    return events;
  })();
  return { ready, seen };
}

async function replay(services: Services, request: Parameters<Services["events"]["replayEvents"]>[0]) {
  const found: { event: string | undefined; cursor: string }[] = [];
  for await (const { item, cursor } of services.events.replayEvents(request)) {
    if (item.case === "event") found.push({ event: short(item.value), cursor });
  }
  return found;
}

describe.each(wireNames)("over %s", (name) => {
  const id = (what: string) => `${name} ${what}`;

  test("events of many sessions are watched as they happen, filtered, by two clients at once", async () => {
    const services = over(name);
    const [a, b] = [id("watch-a"), id("watch-b")];
    const all = watch(services, { sessionIds: [a, b] }, 10);
    const typed = watch(services, { sessionIds: [a], eventTypes: ["TEXT_MESSAGE_CONTENT"] }, 1);
    const ofRun = watch(services, { runIds: [id("rb")], agentIds: ["script"] }, 5);
    await Promise.all([all.ready, typed.ready, ofRun.ready]);
    await run(services, a, id("ra"));
    await run(services, b, id("rb"));
    expect((await all.seen).map(short)).toEqual([...fiveEvents(a, id("ra")), ...fiveEvents(b, id("rb"))]);
    expect((await typed.seen).map(short)).toEqual([fiveEvents(a, id("ra"))[2]]);
    expect((await ofRun.seen).map(short)).toEqual(fiveEvents(b, id("rb")));
    const [first] = await all.seen;
    expect(first).toMatchObject({ agentId: "script" });
    expect(first?.logId).not.toBe("");
  });

  test("what happened is replayed, and goes on from any of its cursors", async () => {
    const services = over(name);
    const session = id("replay");
    for (const runId of ["r1", "r2", "r3"]) await run(services, session, runId);
    const filter = { sessionIds: [session] };
    const whole = await replay(services, { filter });
    const expected = [1, 2, 3].flatMap((n) => fiveEvents(session, `r${n}`, n * 5 - 4));
    expect(whole.map(({ event }) => event)).toEqual(expected);
    for (const [index, { cursor }] of whole.entries()) {
      const rest = await replay(services, { filter, cursor });
      expect(rest.map(({ event }) => event)).toEqual(expected.slice(index + 1));
    }
    const after = await replay(services, { filter, afterSequence: 7n });
    expect(after.map(({ event }) => event)).toEqual(expected.slice(7));
    const second = await replay(services, { filter: { ...filter, runIds: ["r2"] } });
    expect(second.map(({ event }) => event)).toEqual(expected.slice(5, 10));
  });

  test("every documented error is reached", async () => {
    const { events } = over(name);
    const session = id("errors");
    await run(over(name), session, "r1");
    const [one] = await replay(over(name), { filter: { sessionIds: [session] } });
    const refused = (request: Parameters<typeof events.replayEvents>[0]) =>
      refusedCall(events.replayEvents(request));
    for (const request of [{ cursor: "nonsense" }, { cursor: one?.cursor ?? "" }]) {
      expect(await refused(request)).toMatchObject({
        code: Code.InvalidArgument,
        reason: "INVALID_PAGE_TOKEN",
      });
    }
    expect(await refused({ afterSequence: 1n })).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
    });
    expect(await refused({ filter: { sessionIds: [session, "none"] } })).toMatchObject({
      code: Code.NotFound,
      reason: "SESSION_NOT_FOUND",
    });
    expect(await refused({ filter: { sessionIds: [session] }, afterSequence: 99n })).toMatchObject({
      code: Code.OutOfRange,
      reason: "CURSOR_AHEAD",
    });
    expect(await refusedCall(events.watchEvents({ filter: { eventTypes: ["text"] } }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
    });
  });
});

test("all sessions are replayed, the last made first, and a cursor goes on in another session", async () => {
  const services = over("gRPC");
  await using other = await startTestServer();
  const own = openWires(other.url);
  const here = servicesOver(own.transport("gRPC"));
  for (const session of ["s1", "s2", "s3"]) await run(here, session, `of-${session}`);
  const whole = await replay(here, {});
  const expected = ["s3", "s2", "s1"].flatMap((session) => fiveEvents(session, `of-${session}`));
  expect(whole.map(({ event }) => event)).toEqual(expected);
  for (const place of [0, 4, 5, 13, 14]) {
    const rest = await replay(here, { cursor: whole[place]?.cursor ?? "" });
    expect(rest.map(({ event }) => event)).toEqual(expected.slice(place + 1));
  }
  own.close();
  expect(services).toBeDefined();
});

test("times choose runs", async () => {
  const services = over("gRPC");
  const filter = { sessionIds: ["times"] };
  const before = Date.now();
  await run(services, "times", "early");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const middle = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await run(services, "times", "late");
  const of = async (request: object) => (await replay(services, { filter, ...request })).length;
  expect(await of({ startTime: timestampFromMs(before), endTime: timestampFromMs(Date.now() + 1) })).toBe(10);
  expect(await of({ endTime: timestampFromMs(middle) })).toBe(5);
  expect(await of({ startTime: timestampFromMs(middle) })).toBe(5);
  expect(await of({ endTime: timestampFromMs(before) })).toBe(0);
});

test("a watcher that reads nothing is told how much it missed, and costs the run nothing", async () => {
  const services = over("gRPC-Web, HTTP/1.1");
  const reading = services.events.watchEvents({ filter: { sessionIds: ["flood"] } })[Symbol.asyncIterator]();
  await reading.next();
  const deltas = Array.from({ length: 45 }, () => "x".repeat(64 << 10));
  for (let n = 0; n < 8; n++) await run(services, "flood", `r${n}`, text(`m${n}`, deltas));
  let seen = 0;
  let skipped = 0n;
  for (;;) {
    const { value } = await reading.next();
    if (value?.item.case === "event") seen += 1;
    if (value?.item.case === "skipped") skipped += value.item.value.eventCount;
    if (seen + Number(skipped) === 8 * 49) break;
  }
  expect(skipped).toBeGreaterThan(0n);
  await reading.return?.();
});
