import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { create, fromJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import {
  collect,
  createAgentClient as createFetchClient,
  errorInfoOf,
  errorReasonOf,
  runAgent,
} from "@dragoman/client";
import { createAgentClient, type NodeAgentClientOptions } from "@dragoman/client/node";
import {
  AGUIService,
  RunAgentRequestSchema,
  HealthCheckResponse_Status as Status,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { createInProcessTransport } from "@dragoman/server";
import { delay, startProcess, waitUntil, withTimeout } from "@dragoman/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Agent, AgentOutput, RunContext } from "./agent.ts";
import { type AgentHost, type Agents, type RunWarning, type ServeOptions, serve } from "./serve.ts";

const started = { type: "RUN_STARTED", threadId: "t", runId: "r", protocolVersion: "1.0" };
const finished: AguiEvent = { type: "RUN_FINISHED", threadId: "t", runId: "r" };
const input = { threadId: "t", runId: "r" };

/** Says what it was told, a word at a time. */
const echo: Agent = {
  description: "Repeats what it is told.",
  kind: "echo",
  capabilities: () => ({ identity: { name: "Echo" }, transport: { streaming: true } }),
  async *run({ messages }: RunAgentInput): AsyncGenerator<AgentOutput> {
    const last = messages.at(-1);
    yield { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" };
    for (const word of String(last?.content ?? "nothing").split(" ")) {
      yield { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: `${word} ` };
    }
    yield { type: "TEXT_MESSAGE_END", messageId: "m" };
    yield finished;
  },
};

describe("serve", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function start(agents: Agent | Agents, options?: ServeOptions): Promise<AgentHost> {
    const host = await serve(agents, options);
    closers.push(() => host.close());
    return host;
  }
  function connect(host: AgentHost, options: Partial<NodeAgentClientOptions> = {}) {
    const client = createAgentClient({ baseUrl: host.url, ...options });
    closers.push(() => client.close());
    return client;
  }
  async function read(host: AgentHost, options: Parameters<ReturnType<typeof connect>["run"]>[1] = {}) {
    const events: AguiEvent[] = [];
    try {
      for await (const { event } of connect(host).run(input, { maxStartAttempts: 0, ...options }))
        events.push(event);
      return { events, error: undefined };
    } catch (error) {
      return { events, error: ConnectError.from(error) };
    }
  }
  const running = (run: (input: RunAgentInput, context: RunContext) => AsyncIterable<unknown>): Agent => ({
    run: run as Agent["run"],
  });

  it.each([
    ["grpc", "2"],
    ["grpc-web", "2"],
    ["grpc-web", "1.1"],
    ["connect", "2"],
    ["connect", "1.1"],
  ] as const)("serves an agent over %s and HTTP/%s", async (protocol, httpVersion) => {
    const host = await start(echo);
    const stream = connect(host, { protocol, httpVersion }).run({
      ...input,
      messages: [{ id: "u", role: "user", content: "hello wörld 👋" }],
    });
    const { messages, outcome, eventCount } = await collect(stream);
    expect(messages).toEqual([{ id: "m", role: "assistant", content: "hello wörld 👋 " }]);
    expect(outcome).toEqual({ type: "success" });
    expect(stream).toMatchObject({ lastSequence: eventCount, logId: "" });
  });

  it("serves browsers, and stock clients", async () => {
    const host = await start(echo);
    for (const protocol of ["grpc-web", "connect"] as const) {
      const { messages } = await collect(createFetchClient({ baseUrl: host.url, protocol }).run(input));
      expect(messages).toMatchObject([{ content: "nothing " }]);
    }
    for (const transport of [
      createGrpcTransport({ baseUrl: host.url }),
      createInProcessTransport(host.server),
    ]) {
      const items = [];
      for await (const item of createClient(AGUIService, transport).runAgent({ input })) items.push(item);
      expect(items.map(({ item }) => item.case)).toEqual(Array(5).fill("event"));
      expect(items.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n]);
    }
  });

  it("writes RUN_STARTED, and ends a run that the agent leaves open", async () => {
    const host = await start(
      running(async function* () {
        yield { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hi" };
      }),
    );
    const { events } = await read(host);
    expect(events).toEqual([
      started,
      { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hi" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      expect.objectContaining({ type: "RUN_ERROR", code: "MISSING_TERMINAL" }),
    ]);
  });

  it("shows what an agent throws, without its stack", async () => {
    const host = await start(
      running(async function* () {
        yield { type: "STEP_STARTED", stepName: "s" };
        throw new Error("the model is out of ink");
      }),
    );
    const { events } = await read(host);
    expect(events.slice(1)).toEqual([
      { type: "STEP_STARTED", stepName: "s" },
      { type: "STEP_FINISHED", stepName: "s" },
      { type: "RUN_ERROR", code: "AGENT_ERROR", message: "the model is out of ink" },
    ]);
  });

  it("tells the operator what it repaired", async () => {
    const warnings: RunWarning[] = [];
    const agent = running(async function* () {
      yield { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant", colour: "red" };
      yield { type: "TEXT_MESSAGE_END", messageId: "m" };
      yield { ...finished, runId: "other" };
    });
    const { events } = await read(await start(agent, { onWarning: (warning) => warnings.push(warning) }));
    expect(events.at(-1)).toEqual(finished);
    expect(warnings).toMatchObject([
      { rule: "unknown_property", agentId: "default", threadId: "t", runId: "r" },
      { rule: "foreign_run_id" },
    ]);
    const logged: [string, unknown][] = [];
    const log = {
      error: () => {},
      warn: (message: string, cause?: unknown) => logged.push([message, cause]),
    };
    await read(await start(agent, { log }));
    expect(logged[0]).toEqual([
      expect.stringContaining("colour"),
      { rule: "unknown_property", agentId: "default", threadId: "t", runId: "r" },
    ]);
  });

  it("cancels the agent when its caller is gone", async () => {
    const aborted: unknown[] = [];
    const host = await start(
      running(async function* (_, { signal }) {
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        yield { type: "STEP_STARTED", stepName: "s" };
        await new Promise(() => {});
      }),
    );
    for await (const { event } of connect(host).run(input)) if (event.type === "STEP_STARTED") break;
    await waitUntil(() => aborted.length === 1, "the abort");
    const abort = new AbortController();
    const reading = read(host, { signal: abort.signal, onAbort: "cancel" });
    await delay(50);
    abort.abort();
    expect((await withTimeout(reading, "the abort")).error?.code).toBe(Code.Canceled);
    await waitUntil(() => aborted.length === 2, "the abort");
  });

  it("sends heartbeats while an agent thinks", async () => {
    const host = await start(
      running(async function* () {
        await delay(600);
        yield finished;
      }),
      { heartbeatMs: 40 },
    );
    const transport = createGrpcTransport({ baseUrl: host.url });
    const kinds: string[] = [];
    for await (const item of runAgent(transport, create(RunAgentRequestSchema, { input })))
      kinds.push(item.kind);
    expect(kinds.at(0)).toBe("event");
    expect(kinds.at(-1)).toBe("event");
    expect(kinds.slice(1, -1).length).toBeGreaterThan(1);
    expect(new Set(kinds.slice(1, -1))).toEqual(new Set(["heartbeat"]));
  });

  it("holds an agent back whose reader does not read, and loses nothing", async () => {
    const total = 3_000;
    let produced = 0;
    const host = await start(
      running(async function* () {
        for (; produced < total; produced += 1) yield { type: "CUSTOM", name: "n", value: "x".repeat(8_000) };
        yield finished;
      }),
      { limits: { stallTimeoutMs: 60_000 } },
    );
    const stream = connect(host, { maxBufferedItems: 10 }).run(input);
    await stream.next();
    let before = -1;
    const stands = async () => {
      const isStill = produced === before;
      before = produced;
      await delay(100);
      return isStill && produced > 0;
    };
    await waitUntil(stands, "the agent to stand still", { timeoutMs: 20_000 });
    expect(produced).toBeLessThan(total / 2);
    const { eventCount, outcome } = await collect(stream);
    expect(eventCount).toBe(total + 1);
    expect(outcome?.type).toBe("success");
  });

  it("serves several agents by id, the first by default", async () => {
    const other = running(async function* () {
      yield { ...finished, result: "other" };
    });
    const host = await start({ echo, other });
    const client = connect(host);
    expect((await collect(client.run(input))).messages).toHaveLength(1);
    expect((await collect(client.run(input, { agentId: "other" }))).result).toBe("other");
    const { error } = await read(host, { agentId: "third" });
    expect(error?.code).toBe(Code.NotFound);
    expect(errorReasonOf(error)).toBe("AGENT_NOT_FOUND");
    expect(errorInfoOf(error)?.metadata).toEqual({ agent_id: "third" });
    const info = await client.agui.getServiceInfo({});
    expect(info.agents.map(({ id }) => id)).toEqual(["echo", "other"]);
    expect((await client.agui.getServiceInfo({ agentId: "other" })).agents.map(({ id }) => id)).toEqual([
      "other",
    ]);
    await expect(client.agui.getServiceInfo({ agentId: "third" })).rejects.toMatchObject({
      code: Code.NotFound,
    });
  });

  it("describes itself", async () => {
    const slow: Agent = { run: echo.run, capabilities: () => Promise.reject(new Error("not now")) };
    const { agui } = connect(await start({ echo, slow }, { name: "hosts", version: "1.2.3" }));
    expect(await agui.getServiceInfo({})).toMatchObject({
      name: "hosts",
      version: "1.2.3",
      protocolVersion: "1.0",
      resumable: false,
      wires: ["grpc", "grpc-web", "connect"],
      agents: [
        {
          id: "echo",
          description: "Repeats what it is told.",
          kind: "echo",
          capabilities: { identity: { name: "Echo" } },
        },
        { id: "slow", description: "", kind: "custom" },
      ],
    });
    expect(await agui.healthCheck({})).toMatchObject({
      status: Status.SERVING,
      diagnostics: { version: "1.2.3", active_runs: "0" },
    });
  });

  it("checks inputs, and says all that is wrong", async () => {
    const { agui } = connect(await start(echo));
    expect((await agui.validateInput({ input })).problems).toEqual([]);
    const wrong = {
      threadId: "t",
      runId: "r",
      messages: [
        { id: "a", role: "robot" },
        { id: "b", role: "user" },
      ],
    };
    const { problems } = await agui.validateInput({ input: wrong });
    expect(problems.map(({ path }) => path)).toEqual(expect.arrayContaining(["/messages/0/role"]));
    await expect(agui.validateInput({ agentId: "x" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it("refuses an input that breaks AG-UI's rules", async () => {
    const host = await start(echo);
    const { agui } = connect(host);
    let state = fromJson(ValueSchema, 1);
    for (let depth = 0; depth < 40; depth += 1) {
      state = create(ValueSchema, { kind: { case: "structValue", value: { fields: { a: state } } } });
    }
    const error = await firstError(agui.runAgent({ input: { ...input, state } }));
    expect(error?.code).toBe(Code.InvalidArgument);
    expect(errorReasonOf(error)).toBe("INVALID_INPUT");
    expect(errorInfoOf(error)?.metadata.path).toMatch(/^\/state(\/a)+$/);
  });

  it("refuses to go on from a place in a log that it does not keep", async () => {
    const { agui } = connect(await start(echo));
    const ahead = await firstError(agui.runAgent({ input, afterSequence: 3n }));
    expect(ahead?.code).toBe(Code.OutOfRange);
    expect(errorReasonOf(ahead)).toBe("CURSOR_AHEAD");
    const other = await firstError(agui.runAgent({ input, logId: "log" }));
    expect(errorReasonOf(other)).toBe("CURSOR_OF_ANOTHER_LOG");
    expect(await firstError(agui.runAgent({ input, afterSequence: 0n }))).toBeUndefined();
  });

  it("refuses more runs than it is told to run", async () => {
    const host = await start(
      running(async function* (_, { signal }) {
        yield { type: "STEP_STARTED", stepName: "s" };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }),
      { maxActiveRuns: 1 },
    );
    const first = connect(host).run(input);
    await first.next();
    const { error } = await read(host);
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(errorInfoOf(error)).toMatchObject({
      reason: "LIMIT_REACHED",
      metadata: { limit: "maxActiveRuns", value: "1" },
    });
    await first.return();
    await waitUntil(
      async () => (await connect(host).agui.healthCheck({})).diagnostics.active_runs === "0",
      "the end",
    );
  });

  it("drains: a run may finish, and one that does not is told to come back", async () => {
    let goOn: (() => void) | undefined;
    const agent = running(async function* ({ runId }) {
      yield { type: "STEP_STARTED", stepName: "s" };
      await new Promise<void>((resolve) => {
        if (runId === "r") goOn = resolve;
      });
      yield { type: "STEP_FINISHED", stepName: "s" };
      yield finished;
    });
    const host = await start(agent);
    const finishing = connect(host).run(input);
    const hanging = connect(host).run({ threadId: "t", runId: "hangs" }, { maxAttempts: 0 });
    await finishing.next();
    await hanging.next();
    const drained = host.drain({ graceMs: 500 });
    await waitUntil(() => goOn, "the agent");
    goOn?.();
    expect((await collect(finishing)).outcome?.type).toBe("success");
    const error = await collect(hanging).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(errorReasonOf(error)).toBe("SHUTTING_DOWN");
    await withTimeout(drained, "the drain");
  });

  it("drains on SIGTERM if it is told to, and leaves no handler behind", async () => {
    const before = process.listenerCount("SIGTERM");
    const host = await start(echo, { drainOnSignals: true });
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    process.emit("SIGTERM");
    await waitUntil(() => read(host).then(({ error }) => error?.code === Code.Unavailable), "the drain");
    await host.close();
    expect(process.listenerCount("SIGTERM")).toBe(before);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("makes a program of a few lines, which ends in order", async () => {
    const program = fileURLToPath(new URL("./testing/hello-host.ts", import.meta.url));
    await using started = await startProcess({ program, ready: /serving on (\S+)/ });
    const client = createAgentClient({ baseUrl: started.ready[1] ?? "" });
    closers.push(() => client.close());
    const stream = client.run(input);
    await stream.next();
    const ended = started.kill("SIGTERM");
    const { messages, error } = await collect(stream);
    expect(messages).toMatchObject([{ content: "Hello" }]);
    expect(error?.code).toBe("MISSING_TERMINAL");
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(started.stderr).toBe("");
  });

  it("says what it cannot serve", async () => {
    await expect(serve({})).rejects.toThrow("there is no agent to serve");
    await expect(serve({ a: {} as Agent })).rejects.toThrow('agent "a" has no method run');
    await expect(serve(echo, { heartbeatMs: 0 })).rejects.toThrow("heartbeatMs must be above 0, not 0");
    const taken = createServer().listen(0, "127.0.0.1");
    closers.push(() => taken.close());
    await waitUntil(() => taken.address(), "the port");
    const address = taken.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const log = { error: () => {}, warn: () => {} };
    await expect(serve(echo, { port, log })).rejects.toThrow("EADDRINUSE");
  });
});

async function firstError(stream: AsyncIterable<unknown>): Promise<ConnectError | undefined> {
  try {
    for await (const _ of stream);
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}
