import { fromJson, toJson } from "@bufbuild/protobuf";
import { durationFromMs, type Timestamp, timestampMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { messageFromProto } from "@dragoman/agui";
import { History } from "@dragoman/contract/agent/v1/run_options_pb";
import { SessionSchema, SessionState } from "@dragoman/contract/orchestrator/v1/session_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { held, isHeld, runScript } from "../testing/script-run.ts";
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
const ms = durationFromMs;
const iso = (time: Timestamp | undefined) => time && new Date(timestampMs(time)).toISOString();
const user = (id: string) => ({ id, role: "user" as const, content: id });

/** The kinds of the events of a session, to the end of it. */
async function eventsOf({ sessions }: Services, sessionId: string, follow = false) {
  const { items } = await readStream(sessions.observeSession({ sessionId, follow }));
  return items.flatMap(({ item }) => (item.case === "event" ? [item.value.event] : []));
}

const kindsOf = (events: Awaited<ReturnType<typeof eventsOf>>) => events.map((event) => event.case);
const announcement = ["runStarted", "custom", "runFinished"];

describe.each(wireNames)("over %s", (name) => {
  test("a session expires before everybody's eyes, and is gone when its retention is over", async () => {
    const services = over(name);
    const options = { expireAfter: ms(300), idleTimeout: ms(3_600_000), retention: ms(400) };
    const { session } = await services.sessions.createSession({ options });
    const { sessionId = "" } = session ?? {};
    const expireTime = (session?.createTime ? timestampMs(session.createTime) : 0) + 300;
    expect(session?.expireTime && timestampMs(session.expireTime)).toBe(expireTime);
    expect(session?.options).toMatchObject(options);
    const events = await eventsOf(services, sessionId, true);
    expect(kindsOf(events)).toEqual(announcement);
    expect(events[1]?.value).toMatchObject({ name: "dragoman.session_expired" });
    const write = services.state.updateState({
      sessionId,
      change: { case: "replacement", value: fromJson(ValueSchema, 1) },
    });
    const expired = { code: Code.FailedPrecondition, reason: "SESSION_EXPIRED" };
    const metadata = { session_id: sessionId, expire_time: iso(session?.expireTime) };
    expect(await refusedCall(write)).toMatchObject({ ...expired, metadata });
    expect(await refusedCall(runScript(services, sessionId, "r"))).toMatchObject({ ...expired, metadata });
    await waitUntil(
      () => refusedCall(services.sessions.getSession({ sessionId })).then(isGone, () => false),
      "its removal",
    );
    expect(await refusedCall(services.sessions.endSession({ sessionId }))).toMatchObject({
      code: Code.NotFound,
      reason: "SESSION_NOT_FOUND",
      metadata: { session_id: sessionId },
    });
    await readStream(runScript(services, sessionId, "r"));
    const { session: other } = await services.sessions.getSession({ sessionId });
    expect(other?.logId).not.toBe(session?.logId);
  });

  test("an end cancels what runs and what waits, says so, and empties the state where asked", async () => {
    const services = over(name);
    const initialState = fromJson(ValueSchema, { a: 1 });
    const { session } = await services.sessions.createSession({ initialState });
    const { sessionId = "" } = session ?? {};
    const running = readStream(runScript(services, sessionId, "r1", { forwardedProps: held }));
    await readStream(services.sessions.observeSession({ sessionId, follow: true }), isHeld);
    const [one, two] = await Promise.all([
      services.sessions.endSession({ sessionId, dropState: true }),
      over("gRPC").sessions.endSession({ sessionId, dropState: true }),
    ]);
    expect(toJson(SessionSchema, one.session!)).toEqual(toJson(SessionSchema, two.session!));
    expect(one.session).toMatchObject({ state: SessionState.ENDED, activeRunId: "" });
    await running;
    const kinds = kindsOf(await eventsOf(services, sessionId));
    expect(kinds.slice(-4)).toEqual(["runStarted", "stateSnapshot", "custom", "runFinished"]);
    expect(kinds.filter((kind) => kind === "custom")).toHaveLength(1);
    const { state } = await services.state.getState({ sessionId });
    expect(state && toJson(ValueSchema, state)).toEqual({});
    const ended = { reason: "SESSION_ENDED", metadata: { session_id: sessionId } };
    expect(await refusedCall(runScript(services, sessionId, "r2"))).toMatchObject(ended);
  });

  test("messages are listed on across what is appended, and not across what is cut", async () => {
    const services = over(name);
    const { session } = await services.sessions.createSession({});
    const { sessionId = "" } = session ?? {};
    const list = async (pageToken = "") => {
      const page = await services.sessions.listMessages({ sessionId, pageSize: 2, pageToken });
      return { ids: page.messages.map((message) => messageFromProto(message).id), next: page.nextPageToken };
    };
    const say = (runId: string, ids: string[], history?: History) =>
      readStream(
        runScript(services, sessionId, runId, { messages: ids.map(user) }, history ? { history } : {}),
      );
    await say("r1", ["a", "b", "c"]);
    const first = await list();
    expect(first.ids).toEqual(["a", "b"]);
    await say("r2", ["a", "b", "c", "d"]);
    const second = await list(first.next);
    expect(second.ids).toEqual(["c", "d"]);
    expect(second.next).toBe("");
    await say("r3", ["b", "e", "f"], History.REPLACE);
    expect(await list(first.next), "it goes on after b, wherever that is").toEqual({
      ids: ["e", "f"],
      next: "",
    });
    await say("r4", ["x", "y", "z"], History.REPLACE);
    expect(await refusedCall(list(first.next))).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_PAGE_TOKEN",
    });
  });
});

const isGone = ({ reason }: { readonly reason: string | undefined }) => reason === "SESSION_NOT_FOUND";

test("of two clients that make a session of one id, one is told that it exists", async () => {
  for (let round = 0; round < 10; round++) {
    const sessionId = `twice-${round}`;
    const made = await Promise.allSettled(
      (["gRPC", "Connect JSON, HTTP/1.1"] as const).map((name) =>
        over(name).sessions.createSession({ sessionId }),
      ),
    );
    expect(made.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  }
});

test("a list by pages has every session once, while others come and expire", async () => {
  await using own = await startTestServer({ sessionIdleTimeout: "1h" });
  const ownWires = openWires(own.url);
  const { sessions } = servicesOver(ownWires.transport("gRPC"));
  const ids = Array.from({ length: 120 }, (_, index) => `s${index}`);
  for (const sessionId of ids) await sessions.createSession({ sessionId });
  const walk = async () => {
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await sessions.listSessions({ pageSize: 7, pageToken, state: SessionState.ACTIVE });
      seen.push(...page.sessions.map(({ sessionId }) => sessionId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return seen.filter((id) => id.startsWith("s"));
  };
  const disturb = async () => {
    for (let index = 0; index < 40; index++)
      await sessions.createSession({ sessionId: `other-${index}`, options: { expireAfter: ms(1) } });
  };
  const [one, two] = await Promise.all([walk(), walk(), disturb()]);
  expect(one).toEqual(ids.toReversed());
  expect(two).toEqual(one);
  const { sessions: expiring } = await sessions.listSessions({ pageSize: 1, state: SessionState.ACTIVE });
  expect(expiring[0]?.options?.idleTimeout).toMatchObject({ seconds: 3600n });
  expect(expiring[0]?.expireTime).toBeDefined();
  ownWires.close();
});

test("there may be only so many active sessions, however they are made", async () => {
  await using own = await startTestServer({ sessionsMax: "2" });
  const ownWires = openWires(own.url);
  const services = servicesOver(ownWires.transport("gRPC"));
  await services.sessions.createSession({ sessionId: "a" });
  await readStream(runScript(services, "b", "r1"));
  const limit = {
    code: Code.ResourceExhausted,
    reason: "LIMIT_REACHED",
    metadata: { limit: "sessionsMax", value: "2" },
  };
  expect(await refusedCall(services.sessions.createSession({ sessionId: "c" }))).toMatchObject(limit);
  expect(await refusedCall(runScript(services, "c", "r1"))).toMatchObject(limit);
  await services.sessions.endSession({ sessionId: "a" });
  await services.sessions.createSession({ sessionId: "c" });
  ownWires.close();
});

test("options that are too large are refused, and pages are as large as clients take", async () => {
  const { sessions } = over("gRPC");
  const text = "x".repeat(1_000_000);
  const made = Array.from({ length: 6 }, (_, index) =>
    sessions.createSession({ sessionId: `large-${index}`, options: { metadata: { text } } }),
  );
  await Promise.all(made);
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await sessions.listSessions({ pageToken });
    seen.push(...page.sessions.map(({ sessionId }) => sessionId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen.filter((id) => id.startsWith("large-"))).toHaveLength(6);
  const tooLarge = sessions.createSession({ options: { metadata: { text: text + text } } });
  expect(await refusedCall(tooLarge)).toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "sessionOptionsMaxBytes" },
  });
});
