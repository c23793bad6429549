import { fileURLToPath } from "node:url";
import { type AguiEvent, encodeEvent, type RunAgentInput } from "@dragoman/agui";
import { collect } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import { createFaultProxy, freePort, startProcess, waitUntil, withTimeout } from "@dragoman/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Agent, EncodedEvent } from "./agent.ts";
import { driveAgent } from "./drive-agent.ts";
import { AgentError, AgentUnavailableError } from "./errors.ts";
import { createRunPipeline } from "./pipeline.ts";
import { type RemoteAgent, type RemoteAgentOptions, remoteAgent } from "./remote.ts";
import { type Agents, serve } from "./serve.ts";

const input: RunAgentInput = {
  threadId: "t",
  runId: "r",
  messages: [{ id: "u", role: "user", content: "hello" }],
  state: { n: 1 },
};
const script: AguiEvent[] = [
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "wörld 👋" },
  { type: "TEXT_MESSAGE_END", messageId: "m" },
  { type: "STATE_SNAPSHOT", snapshot: { list: [1, "two", null] } },
  { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "success" } },
];
const seen: RunAgentInput[] = [];
const scripted: Agent = {
  capabilities: () => ({ identity: { name: "Scripted" } }),
  async *run(given) {
    seen.push(given);
    yield* script;
  },
};
/** Begins a step and never ends it. */
function hanging() {
  const state = { isAborted: false };
  const agent: Agent = {
    async *run(_, { signal }) {
      signal.addEventListener("abort", () => {
        state.isAborted = true;
      });
      yield { type: "STEP_STARTED", stepName: "s" };
      await new Promise(() => {});
    },
  };
  return { agent, state };
}

describe("remoteAgent", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    seen.length = 0;
  });

  async function host(agents: Agent | Agents) {
    const started = await serve(agents);
    closers.push(() => started.close());
    return started;
  }
  function remote(options: RemoteAgentOptions): RemoteAgent {
    const agent = remoteAgent(options);
    closers.push(() => agent.close());
    return agent;
  }
  /** Runs an agent as a host does. */
  async function run(agent: Agent, signal = new AbortController().signal, emitted: EncodedEvent[] = []) {
    const pipeline = createRunPipeline({
      threadId: "t",
      runId: "r",
      emit: (event, bytes) => emitted.push({ event, bytes: bytes ?? new Uint8Array() }),
    });
    pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
    emitted.length = 0;
    await withTimeout(driveAgent(agent, input, { signal, agentId: "a" }, pipeline), "the run");
    return emitted;
  }
  async function failureOf(
    agent: Agent,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<unknown> {
    try {
      for await (const _ of agent.run(input, { signal, agentId: "a" }));
      return undefined;
    } catch (error) {
      return error;
    }
  }

  it.each(["grpc", "grpc-web", "connect"] as const)(
    "passes events on with their bytes, over %s",
    async (protocol) => {
      const { port, url } = await host(scripted);
      for (const target of [url, `127.0.0.1:${port}`]) {
        const emitted = await run(remote({ target, protocol }));
        expect(emitted.map(({ event }) => event)).toEqual(script);
        for (const { event, bytes } of emitted)
          expect(Buffer.from(bytes).equals(encodeEvent(event))).toBe(true);
      }
      expect(seen[0]).toMatchObject(input);
    },
  );

  it("works over HTTP/1.1", async () => {
    const { url } = await host(scripted);
    const emitted = await run(remote({ target: url, protocol: "connect", httpVersion: "1.1" }));
    expect(emitted.map(({ event }) => event)).toEqual(script);
  });

  it("is an agent like any other: it can be served again", async () => {
    const { url } = await host(scripted);
    const relay = await host(remote({ target: url }));
    const client = createAgentClient({ baseUrl: relay.url });
    closers.push(() => client.close());
    const { messages, state, outcome } = await collect(client.run(input));
    expect(messages).toEqual([{ id: "m", role: "assistant", content: "wörld 👋" }]);
    expect(state).toEqual({ list: [1, "two", null] });
    expect(outcome).toEqual({ type: "success" });
  });

  it("cancels there what is cancelled here", async () => {
    const { agent, state } = hanging();
    const { url } = await host(agent);
    const abort = new AbortController();
    const emitted: EncodedEvent[] = [];
    const running = run(remote({ target: url }), abort.signal, emitted);
    await waitUntil(() => emitted.length > 0, "the first event");
    abort.abort();
    await running;
    expect(emitted.map(({ event }) => event)).toMatchObject([
      { type: "STEP_STARTED" },
      { type: "STEP_FINISHED" },
      { type: "RUN_FINISHED", outcome: { type: "cancelled" } },
    ]);
    await waitUntil(() => state.isAborted, "the abort there");
  });

  it("says that nobody is there", async () => {
    const target = `127.0.0.1:${await freePort()}`;
    const error = await failureOf(remote({ target, agentId: "helper" }));
    expect(error).toBeInstanceOf(AgentUnavailableError);
    expect(error).toHaveProperty(
      "message",
      expect.stringMatching(`The agent "helper" at ${target} cannot be reached: .*ECONNREFUSED`),
    );
    const [{ event } = { event: undefined }] = await run(remote({ target }));
    expect(event).toMatchObject({ type: "RUN_ERROR", code: "AGENT_UNAVAILABLE" });
  });

  it("says that the connection was lost in the middle", async () => {
    const { agent, state } = hanging();
    const { port } = await host(agent);
    await using proxy = await createFaultProxy({ port });
    const emitted: EncodedEvent[] = [];
    const running = run(remote({ target: proxy.url }), undefined, emitted);
    await waitUntil(() => emitted.length > 0, "the first event");
    proxy.cut();
    await running;
    expect(emitted.map(({ event }) => event)).toMatchObject([
      { type: "STEP_STARTED" },
      { type: "STEP_FINISHED" },
      { type: "RUN_ERROR", code: "AGENT_UNAVAILABLE", message: expect.stringContaining("keeps no log") },
    ]);
    await waitUntil(() => state.isAborted, "the abort there");
  });

  it("says that the host was killed", async () => {
    const program = fileURLToPath(new URL("./testing/hello-host.ts", import.meta.url));
    const started = await startProcess({ program, ready: /serving on (\S+)/ });
    const emitted: EncodedEvent[] = [];
    const running = run(remote({ target: started.ready[1] ?? "" }), undefined, emitted);
    await waitUntil(() => emitted.length >= 2, "the first events");
    await started.kill("SIGKILL");
    await running;
    expect(emitted.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "AGENT_UNAVAILABLE" });
    await using again = await started.restart();
    expect((await run(remote({ target: again.ready[1] ?? "" }))).length).toBeGreaterThan(2);
  });

  it("takes a silent connection for lost", async () => {
    const { agent } = hanging();
    const { port } = await host(agent);
    await using proxy = await createFaultProxy({ port });
    const running = run(remote({ target: proxy.url, heartbeatTimeoutMs: 200 }));
    const emitted = await running;
    expect(emitted.at(-1)?.event).toMatchObject({
      code: "AGENT_UNAVAILABLE",
      message: expect.stringContaining("heartbeat"),
    });
  });

  it("says why the service refuses", async () => {
    const { url } = await host({ scripted });
    const unknown = await failureOf(remote({ target: url, agentId: "other" }));
    expect(unknown).toBeInstanceOf(AgentError);
    expect(unknown).toMatchObject({ code: "AGENT_NOT_FOUND", message: expect.stringContaining('"other"') });
    const elsewhere = await failureOf(remote({ target: `${url}/elsewhere` }));
    expect(elsewhere).toBeInstanceOf(AgentUnavailableError);
    expect(elsewhere).toHaveProperty("message", expect.stringContaining("There is no AGUIService at"));
  });

  it("asks what the agent can do", async () => {
    const { url } = await host(scripted);
    const { signal } = new AbortController();
    expect(await remote({ target: url }).capabilities?.(signal)).toMatchObject({
      identity: { name: "Scripted" },
    });
    const absent = remote({ target: `127.0.0.1:${await freePort()}` });
    await expect(absent.capabilities?.(signal)).rejects.toBeInstanceOf(AgentUnavailableError);
  });

  it("sends credentials", async () => {
    const headers: (string | null)[] = [];
    const started = await serve(scripted, {
      interceptors: [
        (next) => (request) => {
          headers.push(request.header.get("authorization"));
          return next(request);
        },
      ],
    });
    closers.push(() => started.close());
    const agent = remote({ target: started.url, headers: async () => ({ authorization: "Bearer x" }) });
    await run(agent);
    await agent.capabilities?.(new AbortController().signal);
    expect(headers).toEqual(["Bearer x", "Bearer x"]);
  });
});
