import type { AguiEvent } from "@dragoman/agui";
import { createFaultProxy, createTempFolder, withTimeout } from "@dragoman/testing";
import { expect, test } from "vitest";
import { startChildServer } from "../testing/child-server.ts";
import { readLog } from "../testing/http.ts";
import { forms, StockAgent, type StockRun, typesOf } from "../testing/stock-agent.ts";

const script: AguiEvent[] = [
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  ...Array.from({ length: 2_000 }, (_, index): AguiEvent => {
    return { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: `${index} ` };
  }),
];

interface Broken {
  readonly agent: StockAgent;
  readonly run: StockRun;
}

/** Starts a long run in each form, breaks it once text has arrived, and returns what the clients made of it. */
async function breakRuns(url: string, breakIt: (agents: StockAgent[]) => unknown): Promise<Broken[]> {
  const runs = forms.map((form) => {
    const agent = new StockAgent(url, { agentId: "script", form });
    let arrived = () => {};
    const begun = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const config = { runId: "r", forwardedProps: { script, delayMs: 20 } };
    const run = agent.go(config, ({ type }) => type === "TEXT_MESSAGE_CONTENT" && arrived());
    return { agent, begun, run };
  });
  await withTimeout(Promise.all(runs.map(({ begun }) => begun)), "the first text");
  await breakIt(runs.map(({ agent }) => agent));
  return Promise.all(runs.map(async ({ agent, run }) => ({ agent, run: await run })));
}

const eventsOf = async (url: string, agent: StockAgent) =>
  (await readLog(url, agent.threadId)).map(({ event }) => event);

test("the server is killed: no success, and after a restart the run has ended", async () => {
  await using folder = await createTempFolder();
  const args = ["--data", folder.path];
  await using server = await startChildServer(args);
  const broken = await breakRuns(server.url, () => server.process.kill("SIGKILL"));
  await using again = await startChildServer(args);
  for (const { agent, run } of broken) {
    expect(run.error).toBeDefined();
    expect(typesOf(run.events)).not.toContain("RUN_FINISHED");
    const log = await eventsOf(again.url, agent);
    expect(log.slice(0, run.events.length), "nothing that was seen is lost").toEqual(run.events);
    expect(log.slice(-2)).toMatchObject([
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      { type: "RUN_ERROR", code: "NODE_LOST" },
    ]);
  }
});

test("the connection is cut: no success, and the run goes on", async () => {
  await using server = await startChildServer();
  await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  for (const { agent, run } of await breakRuns(proxy.url, () => proxy.cut())) {
    expect(run.error).toBeDefined();
    const path = `/sessions/${agent.threadId}/events?after=${run.events.length}&follow=true`;
    const next = `:${run.events.length + 1}\n`;
    expect(await readUntil(await fetch(`${server.url}${path}`), next)).toContain(next);
  }
});

test("the server stops before the run ends: the client is told by RUN_ERROR", async () => {
  await using server = await startChildServer(["--memory", "--drain-ms", "100"]);
  const broken = await breakRuns(server.url, () => server.process.kill("SIGTERM"));
  for (const { run } of broken) {
    expect(typesOf(run.events).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
    expect(run.events.at(-1)).toMatchObject({ code: "SERVER_SHUTDOWN" });
  }
  expect(await server.process.exited).toEqual({ code: 0, signal: null });
});

test("a reader of the log that is cut sees no clean end", async () => {
  await using server = await startChildServer();
  let reading: Promise<string> | undefined;
  await breakRuns(server.url, async ([agent]) => {
    const response = await fetch(`${server.url}/sessions/${agent?.threadId}/events`);
    reading = response.text();
    reading.catch(() => {});
    await server.process.kill("SIGKILL");
  });
  await expect(reading).rejects.toThrow("terminated");
});

/** Reads a stream until it has said something, and leaves. */
async function readUntil(response: Response, wanted: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(wanted)) break;
  }
  return text;
}
