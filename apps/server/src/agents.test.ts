import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { serve } from "@dragoman/agent/serve";
import type { AguiEvent } from "@dragoman/agui";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldLog } from "./testing/fold-log.ts";
import { lastText, StockAgent, typesOf } from "./testing/stock-agent.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

/** An OpenAI-compatible endpoint that answers with what it was asked last, in pieces. */
async function startModel(asked: { messages: { role: string; content: string }[] }[]): Promise<Server> {
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request));
    asked.push(body);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const chunk = (delta: object, finish: string | null = null) => {
      const choices = [{ index: 0, delta, finish_reason: finish }];
      const value = { id: "c", object: "chat.completion.chunk", created: 1, model: body.model, choices };
      response.write(`data: ${JSON.stringify(value)}\n\n`);
    };
    chunk({ role: "assistant", content: "" });
    for (const piece of ["You ", "asked: ", body.messages.at(-1).content]) chunk({ content: piece });
    chunk({}, "stop");
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

describe("agents of every kind behind one server", () => {
  const asked: { messages: { role: string; content: string }[] }[] = [];
  let model: Server;
  let host: Awaited<ReturnType<typeof serve>>;
  let behind: TestServer;
  let front: TestServer;

  beforeAll(async () => {
    model = await startModel(asked);
    host = await serve(
      {
        async *run({ threadId, runId, messages }) {
          const messageId = `${runId}-answer`;
          yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
          yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `Given ${messages.length}.` };
          yield { type: "TEXT_MESSAGE_END", messageId };
          yield { type: "RUN_FINISHED", threadId, runId };
        },
      },
      { port: 0 },
    );
    behind = await startTestServer();
    const openai = { OPENAI_BASE_URL: `http://127.0.0.1:${portOf(model)}/v1`, OPENAI_MODEL: "small" };
    front = await startTestServer(
      {
        agent: [
          `bare=grpc:${new URL(host.url).host}`,
          `server=grpc:${behind.url}`,
          `http=ag-ui:${behind.url}/agents/demo`,
          "big=llm:big",
          "gone=ag-ui:http://127.0.0.1:1/",
          "away=grpc:127.0.0.1:1",
        ],
      },
      openai,
    );
  });
  afterAll(async () => {
    await front.close();
    await behind.close();
    await host.close();
    model.closeAllConnections();
    model.close();
  });

  const stock = (agentId: string) => new StockAgent(front.url, { agentId });
  /** Says something twice, so that the second run has a history. */
  async function converse(agentId: string, first: string, second: string) {
    const agent = stock(agentId);
    const runs = [await agent.say(first), await agent.say(second)];
    expect(runs.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(runs.map(({ events }) => events.at(-1)?.type)).toEqual(["RUN_FINISHED", "RUN_FINISHED"]);
    expect((await foldLog(front.url, agent.threadId)).messages).toEqual(agent.messages);
    return agent;
  }

  test("a model", async () => {
    expect(lastText(await converse("llm", "one", "two"))).toBe("You asked: two");
    expect(asked.at(-1)).toMatchObject({ model: "small" });
    expect(asked.at(-1)?.messages.map(({ content }) => content)).toEqual(
      expect.arrayContaining(["one", "You asked: one", "two"]),
    );
    expect(lastText(await converse("big", "one", "two"))).toBe("You asked: two");
    expect(asked.at(-1)).toMatchObject({ model: "big" });
  });

  test("a bare host: the sessions are ours", async () => {
    expect(lastText(await converse("bare", "one", "two"))).toBe("Given 3.");
  });

  test.each(["server", "http"])(
    "another server, over %s: its agent keeps the same state",
    async (agentId) => {
      const agent = await converse(agentId, "add milk to the list", "show the list");
      expect(lastText(agent)).toContain("milk");
      expect(agent.state).toEqual({ todos: [{ text: "milk", done: false }] });
      expect((await foldLog(behind.url, agent.threadId)).state).toEqual(agent.state);
    },
  );

  test.each(["server", "http"])("an approval passes through %s", async (agentId) => {
    const agent = stock(agentId);
    const last = (await agent.say("delete all notes")).events.at(-1);
    const outcome = last?.type === "RUN_FINISHED" ? last.outcome : undefined;
    const interrupts = outcome?.type === "interrupt" ? outcome.interrupts : [];
    expect(interrupts).toHaveLength(1);
    const resume = interrupts.map(({ id: interruptId }) => {
      return { interruptId, status: "resolved" as const, payload: { approved: true } };
    });
    const resumed = await agent.go({ resume });
    expect(resumed.error).toBeUndefined();
    expect(lastText(agent)).toContain("I deleted");
  });

  test.each(["gone", "away"])("an agent that cannot be reached is a failed run: %s", async (agentId) => {
    const run = await stock(agentId).say("hello");
    expect(typesOf(run.events)).toEqual(["RUN_STARTED", "RUN_ERROR"]);
    const error = run.events.at(-1) as Extract<AguiEvent, { type: "RUN_ERROR" }>;
    expect(error.code).toMatch(/^[A-Z_]+$/);
    expect(error.message).not.toMatch(/\n|^\s*at /);
  });

  test("a cancelled run is cancelled behind, too", async () => {
    const agent = stock("server");
    const begun = new Promise<void>((resolve) => {
      agent.addMessage({ id: "u", role: "user", content: "count to 600 slowly" });
      void agent.go({ runId: "r" }, ({ type }) => type === "TEXT_MESSAGE_CONTENT" && resolve());
    });
    await begun;
    const cancel = await fetch(`${front.url}/orchestrator.v1.RunService/CancelRun`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sessionId: agent.threadId, runId: "r" }),
    });
    expect(cancel.status).toBe(200);
    const { messages } = await foldLog(behind.url, agent.threadId);
    expect(messages).not.toEqual([]);
    const log = await fetch(`${behind.url}/sessions/${agent.threadId}/events`).then((response) =>
      response.text(),
    );
    expect(log).toContain('"outcome":{"type":"cancelled"}');
  });
});
