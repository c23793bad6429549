import { fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AguiEvent,
  eventFromMessage,
  inputToMessage,
  type Json,
  type Message,
  patchOperationToMessage,
} from "@dragoman/agui";
import { createAgentClient } from "@dragoman/client/node";
import {
  LiveControl_Action as Action,
  type LiveSessionRequestSchema,
  type LiveSessionResponse,
} from "@dragoman/contract/agent/v1/live_service_pb";
import { errorReasonOf } from "@dragoman/rpc";
import { createFaultProxy, waitUntil, withTimeout } from "@dragoman/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Agent, AgentOutput } from "../agent.ts";
import { areLive, capabilitiesOf } from "../capabilities.ts";
import { driveAgent } from "../drive-agent.ts";
import { type LiveInput, LiveInputs } from "../live-inputs.ts";
import { createRunPipeline } from "../pipeline.ts";
import { type RemoteAgentOptions, remoteAgent } from "../remote.ts";
import { type AgentHost, serve } from "../serve.ts";

type Request = MessageInitShape<typeof LiveSessionRequestSchema>["input"];

const user = (id: string): Message => ({ id, role: "user", content: id });
const say = (id: string): LiveInput => ({ type: "message", message: user(id) });
const input = { threadId: "t", runId: "r", messages: [user("m0")] };
const start = { case: "start", value: { input: inputToMessage(input) } } as const;
const deep = Array.from({ length: 40 }).reduce<Json>((value) => ({ a: value }), 1);
const tooDeep = { ...start.value.input, state: fromJson(ValueSchema, deep as JsonValue) };
const message = (id: string): Request => ({ case: "message", value: { id, role: "user", content: id } });
const control = (action: Action): Request => ({ case: "control", value: { action } });

/** Tells what it is told, as custom events, until that is a message "stop". */
const parrot: Agent = {
  live: true,
  async *run({ threadId, runId }, { inputs }): AsyncGenerator<AgentOutput> {
    yield { type: "CUSTOM", name: "ready", value: null };
    for await (const said of inputs ?? []) {
      yield { type: "CUSTOM", name: said.type, value: JSON.parse(JSON.stringify(said)) };
      if (said.type === "message" && said.message.id === "stop") break;
    }
    yield { type: "RUN_FINISHED", threadId, runId };
  },
};

describe("LiveService", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function host(agent: Agent, options: Parameters<typeof serve>[1] = {}): Promise<AgentHost> {
    const started = await serve(agent, options);
    closers.push(() => started.close());
    return started;
  }

  /** One live session, held by a test. */
  function session({ url }: { url: string }, requests: Request[], protocol: "grpc" | "connect" = "grpc") {
    const client = createAgentClient({ baseUrl: url, protocol });
    closers.push(() => client.close());
    const items: LiveSessionResponse[] = [];
    let wake = () => {};
    let isDone = false;
    async function* send() {
      for (;;) {
        const next = requests.shift();
        if (next) yield { input: next };
        else if (isDone) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    }
    const read = async () => {
      for await (const item of client.live.liveSession(send())) items.push(item);
    };
    const ended = withTimeout(read(), "the session");
    ended.catch(() => {}); // one that a test leaves open breaks with its client
    return {
      items,
      ended,
      say(...more: Request[]) {
        requests.push(...more);
        wake();
      },
      done() {
        isDone = true;
        wake();
      },
      get events(): AguiEvent[] {
        return items.flatMap(({ item }) => (item.case === "event" ? [eventFromMessage(item.value)] : []));
      },
      get taken() {
        return items.flatMap(({ item }) => (item.case === "taken" ? [item.value.requestNumber] : []));
      },
    };
  }

  it("is offered by agents that say so", async () => {
    const signal = new AbortController().signal;
    expect(areLive(await capabilitiesOf(parrot, signal))).toBe(true);
    const { run } = parrot;
    expect(areLive(await capabilitiesOf({ run }, signal))).toBe(false);
    const remote = remoteAgent({ target: (await host(parrot)).url });
    closers.push(() => remote.close());
    expect(areLive(await capabilitiesOf(remote, signal))).toBe(true);
  });

  it.each(["grpc", "connect"] as const)("hands over what is said, over %s", async (protocol) => {
    const talk = session(await host(parrot), [start, message("a")], protocol);
    await waitUntil(() => talk.taken.length === 1, "the first input");
    talk.say(
      { case: "toolResult", value: { toolCallId: "c", content: "1", error: "bad" } },
      { case: "interruptAnswer", value: { interruptId: "i", status: "cancelled" } },
      { case: "statePatch", value: { patch: [patchOperationToMessage({ op: "remove", path: "/a" })] } },
      message("stop"),
    );
    await talk.ended;
    expect(talk.taken).toEqual([2n, 3n, 4n, 5n, 6n]);
    expect(talk.events.map(({ type }) => type).at(-1)).toBe("RUN_FINISHED");
    expect(talk.events.flatMap((event) => (event.type === "CUSTOM" ? [event.value] : []))).toEqual([
      null,
      { type: "message", message: user("a") },
      { type: "tool_result", toolCallId: "c", content: "1", error: "bad" },
      { type: "interrupt_answer", answer: { interruptId: "i", status: "cancelled" } },
      { type: "state_patch", patch: [{ op: "remove", path: "/a" }] },
      { type: "message", message: user("stop") },
    ]);
    const places = talk.items.flatMap(({ sequence }) => (sequence === undefined ? [] : [Number(sequence)]));
    expect(places).toEqual(places.map((_, index) => index + 1));
  });

  it("goes on when the caller has said all, and ends when it cancels", async () => {
    const talk = session(await host(parrot, { heartbeatMs: 20 }), [start, message("a")]);
    await waitUntil(() => talk.taken.length === 1, "the first input");
    talk.done();
    await waitUntil(() => talk.items.some(({ item }) => item.case === "heartbeat"), "a heartbeat");
    const other = session(await host(parrot), [start]);
    await waitUntil(() => other.events.length === 2, "the agent");
    other.say(control(Action.CANCEL));
    await other.ended;
    expect(other.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  });

  it("holds the agent back while it is paused", async () => {
    let count = 0;
    const busy: Agent = {
      async *run(): AsyncGenerator<AgentOutput> {
        for (; count < 100_000; await new Promise((resolve) => setImmediate(resolve)))
          yield { type: "CUSTOM", name: "n", value: ++count };
      },
    };
    const talk = session(await host(busy), [start]);
    await waitUntil(() => count > 10, "the agent");
    talk.say(control(Action.PAUSE));
    const isHeld = async () => {
      const before = count;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return count === before;
    };
    await waitUntil(isHeld, "the agent to be held back");
    const held = count;
    talk.say(control(Action.RESUME));
    await waitUntil(() => count > held + 10, "the agent to go on");
    talk.say(control(Action.PAUSE), control(Action.CANCEL));
    await talk.ended;
  });

  it("lets go of an agent whose caller has said all: nobody else could", async () => {
    const talk = session(await host(parrot), [start, control(Action.PAUSE)]);
    await waitUntil(() => talk.events.length > 0, "the run");
    talk.say(message("stop"));
    talk.done();
    await talk.ended;
    expect(talk.events.at(-1)?.type).toBe("RUN_FINISHED");
  });

  it.each([
    ["nothing", [], "INVALID_REQUEST"],
    ["a message first", [message("a")], "INVALID_REQUEST"],
    ["a second start", [start, start], "INVALID_REQUEST"],
    ["a broken rule", [start, { case: "toolResult", value: { toolCallId: "" } }], "INVALID_REQUEST"],
    ["a message of no role", [start, { case: "message", value: { id: "a", role: "x" } }], "INVALID_REQUEST"],
    ["no such agent", [{ case: "start", value: { ...start.value, agentId: "x" } }], "AGENT_NOT_FOUND"],
    ["a bad input", [{ case: "start", value: { input: tooDeep } }], "INVALID_INPUT"],
  ] as const)("refuses %s", async (_, requests, reason) => {
    const talk = session(await host(parrot), [...(requests as readonly Request[])]);
    if (requests.length === 0) talk.done();
    const error = await talk.ended.catch((thrown: unknown) => thrown);
    expect([errorReasonOf(error), error instanceof ConnectError]).toEqual([reason, true]);
  });

  it("counts as a run of its host", async () => {
    const served = await host(parrot, { maxActiveRuns: 1 });
    const first = session(served, [start]);
    await waitUntil(() => first.events.length === 2, "the first run");
    const error = await session(served, [start]).ended.catch((thrown: unknown) => thrown);
    expect(ConnectError.from(error).code).toBe(Code.ResourceExhausted);
    first.say(message("stop"));
    await first.ended;
  });

  it("tells nothing of what an agent that is not live did not take", async () => {
    const deaf: Agent = {
      async *run({ threadId, runId }): AsyncGenerator<AgentOutput> {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    };
    const talk = session(await host(deaf), [start, message("a")]);
    await talk.ended;
    expect(talk.taken).toEqual([]);
  });

  describe("a remote agent", () => {
    function remote(options: RemoteAgentOptions) {
      const agent = remoteAgent(options);
      closers.push(() => agent.close());
      return agent;
    }
    /** Runs an agent as a host does. */
    function run(agent: Agent, runInput = input) {
      const events: AguiEvent[] = [];
      const inputs = new LiveInputs();
      const stop = new AbortController();
      const pipeline = createRunPipeline({
        threadId: "t",
        runId: "r",
        emit: (event) => void events.push(event),
      });
      pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
      const context = { signal: stop.signal, agentId: "a", inputs };
      const ended = withTimeout(driveAgent(agent, runInput, context, pipeline), "the run");
      return { events, inputs, stop, ended };
    }

    it.each(["grpc", "connect"] as const)("is talked to, over %s", async (protocol) => {
      const { url } = await host(parrot);
      const { events, inputs, ended } = run(remote({ target: url, protocol }));
      await waitUntil(() => inputs.isRead, "the agent to listen");
      inputs.push(say("a"));
      await waitUntil(() => events.length === 3, "the agent to hear");
      const patch = [{ op: "remove" as const, path: "/a" }];
      inputs.push({ type: "state_patch", patch });
      inputs.push(say("stop"));
      await ended;
      expect(inputs.end()).toEqual([]);
      expect(events.map((event) => (event.type === "CUSTOM" ? event.name : event.type))).toEqual([
        "RUN_STARTED",
        "ready",
        "message",
        "state_patch",
        "message",
        "RUN_FINISHED",
      ]);
    });

    it.each([
      ["is not live", { ...parrot, live: false }, {}],
      ["cannot be reached both ways", parrot, { protocol: "connect", httpVersion: "1.1" }],
      ["is behind a browser's wire", parrot, { protocol: "grpc-web" }],
    ] as const)("that %s runs as ever", async (_, agent, options) => {
      const { url } = await host({
        ...agent,
        async *run({ threadId, runId }, { inputs }): AsyncGenerator<AgentOutput> {
          yield { type: "CUSTOM", name: "inputs", value: inputs !== undefined };
          yield { type: "RUN_FINISHED", threadId, runId };
        },
      });
      const { events, inputs, ended } = run(remote({ target: url, ...options }));
      await ended;
      expect(inputs.isRead).toBe(false);
      expect(events[1]).toMatchObject({ type: "CUSTOM", value: false });
    });

    it("keeps what the agent there did not take", async () => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { url } = await host({
        live: true,
        async *run({ threadId, runId }, { inputs }): AsyncGenerator<AgentOutput> {
          const said = inputs?.[Symbol.asyncIterator]();
          await said?.next();
          yield { type: "CUSTOM", name: "heard", value: 1 };
          await held;
          yield { type: "RUN_FINISHED", threadId, runId };
        },
      });
      const { events, inputs, ended } = run(remote({ target: url }));
      await waitUntil(() => inputs.isRead, "the agent to listen");
      for (const id of ["a", "b", "c"]) inputs.push(say(id));
      await waitUntil(() => events.length === 2, "the agent to hear");
      release();
      await ended;
      expect(inputs.end()).toEqual([say("b"), say("c")]);
    });

    it("is cancelled there when the run is cancelled here", async () => {
      let isAborted = false;
      const { url } = await host({
        live: true,
        async *run(_, { signal, inputs }): AsyncGenerator<AgentOutput> {
          inputs?.[Symbol.asyncIterator]();
          signal.addEventListener("abort", () => {
            isAborted = true;
          });
          yield { type: "CUSTOM", name: "ready", value: null };
          await new Promise(() => {});
        },
      });
      const { events, stop, ended } = run(remote({ target: url }));
      await waitUntil(() => events.length === 2, "the agent");
      stop.abort(new Error("stop"));
      await ended;
      expect(events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
      await waitUntil(() => isAborted, "the agent there to be stopped");
    });

    it("that is lost ends the run, and what was said is kept", async () => {
      const { port } = await host({
        live: true,
        async *run(_, { inputs }): AsyncGenerator<AgentOutput> {
          inputs?.[Symbol.asyncIterator]();
          yield { type: "CUSTOM", name: "ready", value: null };
          await new Promise(() => {});
        },
      });
      const proxy = await createFaultProxy({ port });
      closers.push(() => proxy.close());
      const { events, inputs, ended } = run(remote({ target: `127.0.0.1:${proxy.port}` }));
      await waitUntil(() => events.length === 2, "the agent");
      inputs.push(say("a"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      proxy.cut();
      await ended;
      expect(events.at(-1)).toMatchObject({ type: "RUN_ERROR", code: "AGENT_UNAVAILABLE" });
      expect(inputs.end()).toEqual([say("a")]);
    });
  });
});
