import { getEventListeners } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AguiEvent } from "@dragoman/agui";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import {
  createFaultProxy,
  delay,
  type FaultProxy,
  freePort,
  seededRandom,
  waitUntil,
  withTimeout,
} from "@dragoman/testing";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { AgentClient } from "./agent-client.ts";
import type { ResumeAttempt, ResumeOptions } from "./backoff.ts";
import { errorReasonOf } from "./error-reason.ts";
import { createAgentClient as createFetchAgentClient } from "./index.ts";
import { createAgentClient } from "./node.ts";
import type { ClientEvent } from "./stream-item.ts";
import { contractError, type HostCall, type LogHost, startLogHost, variedRun } from "./testing/log-host.ts";

// The stock handlers of the host log each connection that these tests break.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

const input = { threadId: "t", runId: "r" };
const log = variedRun("t", "r");
/** Fast, and without chance. */
const quick: ResumeOptions = { initialDelayMs: 1, maxDelayMs: 10, random: () => 0.5 };

async function read(events: AsyncIterable<ClientEvent>) {
  const delivered: ClientEvent[] = [];
  try {
    for await (const event of events) delivered.push(event);
    return { delivered, error: undefined };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return { delivered, error };
  }
}
const eventsOf = (delivered: readonly ClientEvent[]) => delivered.map(({ event }) => event);
const fail = (code: Code, reason: string) => contractError(code, reason, "cut");
/** A part of a stream without items: it only does something, such as failing. */
function doing(step: (call: HostCall, sent: number) => unknown) {
  return (call: HostCall, sent = 0): AsyncIterable<never> => ({
    [Symbol.asyncIterator]: () => ({
      async next() {
        await step(call, sent);
        return { done: true, value: undefined };
      },
    }),
  });
}
/** Ends a stream with an error. */
const failing = (error: ConnectError) => doing(() => Promise.reject(error));
async function* never(call: HostCall): AsyncGenerator<never> {
  await new Promise<void>((resolve) =>
    call.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

describe("a resuming stream", () => {
  let host: LogHost;
  let proxy: FaultProxy;
  let client: AgentClient;
  beforeEach(async () => {
    host = await startLogHost([...log]);
    proxy = await createFaultProxy({ port: host.h2Port });
    client = createAgentClient({ baseUrl: proxy.url });
  });
  afterEach(async () => {
    client.close();
    await proxy.close();
    await host[Symbol.asyncDispose]();
  });

  /** Cuts the connection before each of these sequences is sent, once. */
  function cutBefore(...sequences: number[]) {
    const left = new Set(sequences);
    host.beforeEvent = async (_, sequence) => {
      if (!left.delete(sequence)) return;
      await delay(2);
      proxy.cut();
      await delay(2);
    };
  }

  it("reads a run to its terminal event", async () => {
    const stream = client.run(input);
    const { delivered, error } = await read(stream);
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(log);
    expect(stream).toMatchObject({ sessionId: "t", runId: "r", logId: "log-1", lastSequence: log.length });
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent"]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it("makes ids where there are none", async () => {
    host.log.length = 0;
    host.tail = async function* ({ sessionId, runId }) {
      for (const [index, event] of variedRun(sessionId, runId).entries())
        yield { event, sequence: index + 1 };
    };
    const stream = client.run({ messages: [{ id: "m", role: "user", content: "hi" }] });
    const { delivered } = await read(stream);
    expect(delivered).toHaveLength(log.length);
    expect(stream.sessionId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(stream.runId).not.toBe(stream.sessionId);
    expect(host.calls[0]).toMatchObject({ sessionId: stream.sessionId, runId: stream.runId });
  });

  it.each(log.map((_, index) => index + 1))(
    "delivers the same when it is cut before event %d",
    async (sequence) => {
      cutBefore(sequence);
      const { delivered, error } = await read(client.run(input, quick));
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual(log);
      expect(delivered.map((event) => event.sequence)).toEqual(log.map((_, index) => index + 1));
      expect(host.calls.length).toBeGreaterThan(1);
      for (const call of host.calls.slice(1)) {
        const isJoin = call.method === "runAgent";
        const isAttach =
          call.method === "observeRun" &&
          call.mode === AttachMode.TAIL &&
          call.logId === "log-1" &&
          call.sessionId === "t" &&
          call.runId === "r";
        expect(isJoin || isAttach).toBe(true);
      }
    },
  );

  it("reconnects a hundred times", async () => {
    const deltas = Array.from(
      { length: 100 },
      (_, index): AguiEvent => ({ type: "TEXT_MESSAGE_CONTENT", messageId: "m-1", delta: `${index} ` }),
    );
    host.log.splice(4, 0, ...deltas);
    cutBefore(...deltas.map((_, index) => 5 + index));
    const attempts: ResumeAttempt[] = [];
    const { delivered, error } = await read(
      client.run(input, { ...quick, onResume: (attempt) => attempts.push(attempt) }),
    );
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(host.log);
    expect(attempts.length).toBeGreaterThan(80);
  });

  it("works the same through fetch, over gRPC-Web and Connect", async () => {
    await using h1 = await createFaultProxy({ port: host.h1Port });
    for (const protocol of ["grpc-web", "connect"] as const) {
      let isCut = false;
      host.beforeEvent = async (_, sequence) => {
        if (sequence !== 9 || isCut) return;
        isCut = true;
        await delay(5);
        h1.cut();
      };
      const fetchClient = createFetchAgentClient({ baseUrl: h1.url, protocol });
      const { delivered, error } = await read(fetchClient.run(input, quick));
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual(log);
      expect(isCut).toBe(true);
    }
  });

  it.each([
    [Code.Unavailable, "SHUTTING_DOWN"],
    [Code.ResourceExhausted, "SLOW_READER"],
    [Code.Aborted, "FENCED"],
    [Code.Canceled, "INTERNAL"],
  ])("attaches again after %s %s", async (code, reason) => {
    const half = host.log.splice(10);
    let count = 0;
    host.tail = doing(() => {
      if (half.length === 0) return;
      count += 1;
      host.log.push(...half.splice(0));
      throw fail(code, reason);
    });
    const { delivered, error } = await read(client.run(input, quick));
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(log);
    expect(count).toBe(1);
    expect(host.calls[1]).toMatchObject({ method: "observeRun", afterSequence: 10 });
  });

  it("attaches again when a stream ends with OK before the terminal event", async () => {
    const half = host.log.splice(10);
    host.tail = doing(() => host.log.push(...half.splice(0)));
    const { delivered } = await read(client.run(input, quick));
    expect(eventsOf(delivered)).toEqual(log);
    expect(host.calls).toHaveLength(2);
  });

  it.each([
    [Code.NotFound, "RUN_NOT_FOUND"],
    [Code.OutOfRange, "CURSOR_EXPIRED"],
    [Code.ResourceExhausted, "LIMIT_REACHED"],
    [Code.Aborted, "STALE_STATE"],
    [Code.FailedPrecondition, "EVENT_ONLY_JSON"],
  ])("throws %s %s of an attempt to attach again: never silence", async (code, reason) => {
    cutBefore(10);
    host.head = doing((call) => {
      if (call.method === "observeRun") throw fail(code, reason);
    });
    const { delivered, error } = await read(client.run(input, quick));
    expect(eventsOf(delivered)).toEqual(log.slice(0, delivered.length));
    expect(error?.code).toBe(code);
    expect(errorReasonOf(error)).toBe(reason);
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent", "observeRun"]);
  });

  it("drops events that it has, and heartbeats", async () => {
    host.head = async function* ({ afterSequence }) {
      yield { heartbeat: 0 };
      const known = afterSequence ?? 0;
      for (let sequence = 1; sequence <= known; sequence += 1)
        yield { event: log[sequence - 1] as AguiEvent, sequence };
      yield { heartbeat: known };
    };
    cutBefore(7, 12);
    const { delivered, error } = await read(client.run(input, quick));
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(log);
    expect(host.calls).toHaveLength(3);
  });

  it("throws DATA_LOSS on a gap", async () => {
    host.log.length = 5;
    host.tail = async function* () {
      yield { event: log[6] as AguiEvent, sequence: 7 };
    };
    const { delivered, error } = await read(client.run(input, quick));
    expect(delivered).toHaveLength(5);
    expect(error?.code).toBe(Code.DataLoss);
    expect(error?.rawMessage).toBe("event 7 came after 5: events are missing");
    expect(host.calls).toHaveLength(1);
  });

  it("throws DATA_LOSS when the log is another one", async () => {
    cutBefore(10);
    host.head = doing((call) => {
      if (call.method === "observeRun") host.logId = "log-2";
    });
    const { error } = await read(client.run(input, quick));
    expect(error?.code).toBe(Code.DataLoss);
    expect(error?.rawMessage).toBe("the log is log-2 and was log-1");
  });

  it("gives up on a service that keeps no log, with the reason", async () => {
    host.logId = "";
    cutBefore(10);
    const { error } = await read(client.run(input, quick));
    expect(error?.code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toContain("keeps no log");
    expect(host.calls).toHaveLength(1);
  });

  it("reports a server that is not there after few attempts, and a lost one after more", async () => {
    const absent = createAgentClient({ baseUrl: `http://127.0.0.1:${await freePort()}` });
    const starts: ResumeAttempt[] = [];
    const never = await read(absent.run(input, { ...quick, onResume: (attempt) => starts.push(attempt) }));
    expect(never.error?.code).toBe(Code.Unavailable);
    expect(never.error?.rawMessage).toMatch(/ECONNREFUSED.*\(after 3 attempts\)/);
    expect(
      starts.map(({ attempt, delayMs, afterSequence }) => ({ attempt, delayMs, afterSequence })),
    ).toEqual([
      { attempt: 1, delayMs: 1, afterSequence: undefined },
      { attempt: 2, delayMs: 2, afterSequence: undefined },
    ]);

    const attempts: ResumeAttempt[] = [];
    const stream = client.run(input, {
      ...quick,
      maxAttempts: 5,
      onResume: (attempt) => attempts.push(attempt),
    });
    host.beforeEvent = async (_, sequence) => {
      if (sequence !== 10) return;
      await waitUntil(() => stream.lastSequence === 9, "the events before");
      proxy.refuse(true);
      proxy.cut();
    };
    const lost = await read(stream);
    expect(lost.error?.code).toBe(Code.Unavailable);
    expect(lost.error?.rawMessage).toMatch(/\(after 6 attempts\)$/);
    expect(attempts.map(({ delayMs }) => delayMs)).toEqual([1, 2, 4, 8, 10]);
    expect(attempts.every(({ afterSequence }) => afterSequence === 9)).toBe(true);
  });

  it("does not attach again if it is told not to", async () => {
    cutBefore(10);
    const { error } = await read(client.run(input, { ...quick, maxAttempts: 0 }));
    expect(error?.code).toBe(Code.Unavailable);
    expect(host.calls).toHaveLength(1);
  });

  it("gives up when nothing new comes for too long", async () => {
    host.log.length = 5;
    host.tail = failing(fail(Code.Unavailable, "SHUTTING_DOWN"));
    const { error } = await read(client.run(input, { ...quick, maxAttempts: 1e6, maxElapsedMs: 50 }));
    expect(error?.code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toContain("nothing new for");
    expect(errorReasonOf(error)).toBe("SHUTTING_DOWN");
  });

  it("takes a stream for dead on which not even a heartbeat comes", async () => {
    let stalls = 0;
    host.beforeEvent = async (_, sequence) => {
      if (sequence !== 10 || stalls++ > 0) return;
      await delay(5);
      proxy.stall();
    };
    const attempts: ResumeAttempt[] = [];
    const reading = read(
      client.run(input, {
        ...quick,
        maxAttempts: 1_000,
        heartbeatTimeoutMs: 300,
        onResume: (attempt) => {
          attempts.push(attempt);
          proxy.resume();
        },
      }),
    );
    const { delivered, error } = await withTimeout(reading, "the run", 20_000);
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(log);
    expect(attempts[0]?.error.message).toContain("not even a heartbeat");
  });

  it("takes no stream for dead that it is to wait for forever", async () => {
    for (const heartbeatTimeoutMs of [Number.POSITIVE_INFINITY, 2 ** 40]) {
      const { delivered } = await read(client.run(input, { ...quick, heartbeatTimeoutMs, maxAttempts: 0 }));
      expect(eventsOf(delivered)).toEqual(log);
    }
  });

  it("waits as long as heartbeats come, and for a reader that takes its time", async () => {
    const rest = host.log.splice(10);
    host.tail = async function* () {
      for (let beat = 0; beat < 30; beat += 1) {
        await delay(50);
        yield { heartbeat: 10 };
      }
      for (const [index, event] of rest.entries()) yield { event, sequence: 11 + index };
    };
    const attempts: ResumeAttempt[] = [];
    const options = {
      ...quick,
      heartbeatTimeoutMs: 1_000,
      onResume: (attempt: ResumeAttempt) => attempts.push(attempt),
    };
    const delivered: ClientEvent[] = [];
    for await (const event of client.run(input, options)) {
      delivered.push(event);
      if (delivered.length === 3) await delay(1_500);
    }
    expect(eventsOf(delivered)).toEqual(log);
    expect(attempts).toEqual([]);
  });

  it("detaches on abort, and leaves the run alone", async () => {
    host.log.length = 5;
    host.tail = never;
    const abort = new AbortController();
    const reading = read(client.run(input, { ...quick, signal: abort.signal }));
    await waitUntil(() => host.calls.length === 1, "the call");
    abort.abort(new Error("enough"));
    const { error } = await withTimeout(reading, "the abort");
    expect(error?.code).toBe(Code.Canceled);
    expect(error?.cause).toEqual(new Error("enough"));
    await waitUntil(() => host.calls[0]?.signal.aborted, "the server to notice");
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent"]);
    const late = await read(client.run(input, { signal: abort.signal }));
    expect(late).toMatchObject({ delivered: [], error: { code: Code.Canceled } });
  });

  it("ends its wait for the next attempt on abort", async () => {
    host.log.length = 5;
    host.tail = failing(fail(Code.Unavailable, "SHUTTING_DOWN"));
    const abort = new AbortController();
    const onResume = () => abort.abort();
    const reading = read(
      client.run(input, { initialDelayMs: 1e6, maxDelayMs: 1e6, signal: abort.signal, onResume }),
    );
    expect((await withTimeout(reading, "the abort")).error?.code).toBe(Code.Canceled);
  });

  it("cancels the run on abort if it is told to, before it detaches", async () => {
    host.log.length = 5;
    host.tail = never;
    const abort = new AbortController();
    const stream = client.run(input, { ...quick, signal: abort.signal, onAbort: "cancel" });
    const reading = read(stream);
    await waitUntil(() => stream.lastSequence === 5, "the events");
    abort.abort();
    const { error } = await withTimeout(reading, "the abort");
    expect(error?.code).toBe(Code.Canceled);
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent", "cancelRun"]);
    expect(host.calls[1]).toMatchObject({ sessionId: "t", runId: "r" });
  });

  it("leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    for (const onAbort of ["detach", "cancel"] as const) {
      await read(client.run(input, { signal, onAbort }));
      for await (const _ of client.run(input, { signal, onAbort })) break;
    }
    await waitUntil(() => getEventListeners(signal, "abort").length === 0, "the listeners to go");
  });

  it("cancels without detaching", async () => {
    const rest = host.log.splice(5);
    host.tail = async function* () {
      await waitUntil(() => host.calls.some(({ method }) => method === "cancelRun"), "the cancel");
      for (const [index, event] of rest.entries()) yield { event, sequence: 6 + index };
    };
    const stream = client.run(input);
    const reading = read(stream);
    await waitUntil(() => stream.lastSequence === 5, "the events");
    await stream.cancel();
    const { delivered, error } = await reading;
    expect(error).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(log);
  });

  it("tells the server when the reader leaves the loop", async () => {
    host.log.length = 5;
    host.tail = never;
    for await (const { sequence } of client.run(input)) if (sequence === 3) break;
    await waitUntil(() => host.calls[0]?.signal.aborted, "the server to notice");
  });

  it("ends at once for who has all of an ended run", async () => {
    const stream = client.observeRun({ sessionId: "t", runId: "r" }, { ...quick, afterSequence: log.length });
    expect(await read(stream)).toEqual({ delivered: [], error: undefined });
    expect(host.calls).toHaveLength(1);
  });

  describe("with a prelude", () => {
    const prelude: AguiEvent[] = [
      { type: "RUN_STARTED", threadId: "t", runId: "r" },
      { type: "MESSAGES_SNAPSHOT", messages: [] },
      { type: "STATE_SNAPSHOT", snapshot: { a: 1 } },
    ];
    beforeEach(() => {
      host.log.splice(0, 4);
      host.log.unshift(
        ...Array.from({ length: 4 }, (): AguiEvent => ({ type: "CUSTOM", name: "old", value: 0 })),
      );
    });
    const snapshotOf = (count: number) =>
      async function* (call: HostCall) {
        if (call.mode !== AttachMode.SNAPSHOT) return;
        for (const event of prelude.slice(0, count)) yield { event };
        if (count < prelude.length) throw fail(Code.Unavailable, "SHUTTING_DOWN");
        yield { caughtUp: 4 };
      };

    it("delivers it without sequences, then the tail", async () => {
      host.head = snapshotOf(3);
      host.beforeEvent = (call) => {
        if (call.mode === AttachMode.SNAPSHOT) throw fail(Code.Unavailable, "SHUTTING_DOWN");
      };
      const stream = client.observeRun(
        { sessionId: "t" },
        {
          ...quick,
          mode: "snapshot",
        },
      );
      const { delivered, error } = await read(stream);
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual([...prelude, ...log.slice(4)]);
      expect(delivered.map(({ sequence }) => sequence).slice(0, 5)).toEqual([
        undefined,
        undefined,
        undefined,
        5,
        6,
      ]);
      expect(host.calls.slice(1)).toMatchObject([{ mode: AttachMode.TAIL, afterSequence: 4, runId: "r" }]);
      expect(stream.runId).toBe("r");
    });

    it("delivers it once, as a whole, when it was cut in its middle", async () => {
      let count = 0;
      host.head = (call) => snapshotOf(count++ === 0 ? 2 : 3)(call);
      host.beforeEvent = (call) => {
        if (call.mode === AttachMode.SNAPSHOT) throw fail(Code.Unavailable, "SHUTTING_DOWN");
      };
      const { delivered, error } = await read(
        client.observeRun({ sessionId: "t", runId: "r" }, { ...quick, mode: "snapshot" }),
      );
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual([...prelude, ...log.slice(4)]);
      expect(host.calls.map(({ mode }) => mode)).toEqual([
        AttachMode.SNAPSHOT,
        AttachMode.SNAPSHOT,
        AttachMode.TAIL,
      ]);
    });

    it("ends with the terminal event in it", async () => {
      host.head = async function* () {
        for (const event of [...prelude, log.at(-1) as AguiEvent]) yield { event };
        yield { caughtUp: host.log.length };
      };
      host.beforeEvent = () => {
        throw new Error("not asked for");
      };
      host.log.length = 0;
      const { delivered, error } = await read(client.observeRun({ sessionId: "t" }, { mode: "snapshot" }));
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual([...prelude, log.at(-1)]);
    });
  });

  describe("of a session", () => {
    it("ends when the session is idle and everything was sent", async () => {
      const { delivered, error } = await read(client.observeSession({ sessionId: "t" }));
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual(log);
      expect(host.calls[0]).toMatchObject({ method: "observeSession", mode: AttachMode.UNSPECIFIED });
    });

    it("goes on over runs and cuts", async () => {
      host.log.push(...variedRun("t", "r-2"));
      cutBefore(3, log.length + 1, log.length + 5);
      const { delivered, error } = await read(client.observeSession({ sessionId: "t" }, quick));
      expect(error).toBeUndefined();
      expect(eventsOf(delivered)).toEqual(host.log);
      expect(host.calls.at(-1)).toMatchObject({ method: "observeSession", mode: AttachMode.TAIL });
    });

    it("begins after what the caller has", async () => {
      const stream = client.observeSession({ sessionId: "t" }, { afterSequence: 20, logId: "log-1" });
      expect(eventsOf((await read(stream)).delivered)).toEqual(log.slice(20));
      expect(host.calls[0]).toMatchObject({ afterSequence: 20, logId: "log-1" });
    });

    it("throws DATA_LOSS when what follows is missing", async () => {
      host.log.length = 0;
      host.tail = async function* () {
        yield { event: log[9] as AguiEvent, sequence: 10 };
      };
      const { error } = await read(client.observeSession({ sessionId: "t" }, { afterSequence: 5 }));
      expect(error?.code).toBe(Code.DataLoss);
    });
  });

  it("delivers everything once through cuts at random", async () => {
    const seed = 20_261_121;
    const random = seededRandom(seed);
    const deltas = Array.from(
      { length: 2_000 },
      (_, index): AguiEvent => ({
        type: "TEXT_MESSAGE_CONTENT",
        messageId: "m-1",
        delta: "x".repeat(random.integer(0, 300)) + index,
      }),
    );
    host.log.splice(4, 0, ...deltas);
    // The large one would never fit between two cuts.
    host.log[1] = { type: "STATE_SNAPSHOT", snapshot: {} };
    const cutLater = () => proxy.cutAfter(random.integer(1, 20_000));
    cutLater();
    const { delivered, error } = await read(
      client.run(input, { ...quick, maxAttempts: 100, maxStartAttempts: 100, onResume: cutLater }),
    );
    expect(error, `seed ${seed}`).toBeUndefined();
    expect(eventsOf(delivered)).toEqual(host.log);
    expect(host.calls.length).toBeGreaterThan(10);
  });
});

describe("resume options", () => {
  it("are checked", () => {
    const client = createFetchAgentClient({ baseUrl: "http://127.0.0.1:1" });
    expect(() => client.run({}, { maxAttempts: -1 })).toThrow("maxAttempts must be at least 0");
    expect(() => client.run({}, { heartbeatTimeoutMs: 0 })).toThrow("heartbeatTimeoutMs must be above 0");
    expect(() => client.run({}, { heartbeatTimeoutMs: Number.POSITIVE_INFINITY })).not.toThrow();
    expect(() => createAgentClient({ baseUrl: "http://127.0.0.1:1", httpVersion: "1.1" })).toThrow(
      "gRPC needs HTTP/2",
    );
    expect(() => createAgentClient({ baseUrl: "http://127.0.0.1:1", maxBufferedItems: 0 })).toThrow(
      "maxBufferedItems",
    );
    expect(() => createAgentClient({ baseUrl: "http://127.0.0.1:1", maxBufferedBytes: 0 })).toThrow(
      "maxBufferedBytes",
    );
  });
});
