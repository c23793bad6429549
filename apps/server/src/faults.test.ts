import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { AguiEvent } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import {
  createFaultProxy,
  createTempFolder,
  delay,
  freePort,
  seededRandom,
  waitUntil,
} from "@dragoman/testing";
import { expect, test } from "vitest";
import {
  expectDense,
  expectDurable,
  expectTerminalOnce,
  type Recorded,
  readLog,
} from "./testing/invariants.ts";
import { launchServer, urlOf } from "./testing/launch.ts";

/** A script of one message in `count` pieces. */
function script(threadId: string, runId: string, count: number, piece = "word "): AguiEvent[] {
  const messageId = `m-${runId}`;
  const deltas = Array.from({ length: count }, (_, index): AguiEvent => {
    return { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `${piece}${index} ` };
  });
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    ...deltas,
    { type: "TEXT_MESSAGE_END", messageId },
    { type: "RUN_FINISHED", threadId, runId },
  ];
}

function runScript(
  client: AgentClient,
  threadId: string,
  runId: string,
  count: number,
  delayMs = 0,
  piece?: string,
) {
  const forwardedProps = { script: script(threadId, runId, count, piece), delayMs };
  return client.run(
    { threadId, runId, messages: [], forwardedProps },
    { agentId: "script", maxElapsedMs: 60_000, maxAttempts: 200 },
  );
}

async function record(
  stream: AsyncIterable<{ sequence: number | undefined; event: AguiEvent }>,
  into: Recorded[],
): Promise<void> {
  for await (const { sequence, event } of stream) into.push({ sequence: sequence ?? -1, event });
}

const seed = Number(process.env.DRAGOMAN_SEED ?? 20_261_121);

test("kill -9 during 50 concurrent runs loses nothing that a client saw, and every run ends", {
  timeout: 180_000,
}, async () => {
  await using data = await createTempFolder();
  const random = seededRandom(seed);
  const port = await freePort();
  const args = ["--port", String(port), "--data", data.path, "--test-agents"];
  let server = await launchServer(args);
  const sessions = Array.from({ length: 50 }, (_, index) => `session-${index}`);
  const client = createAgentClient({ baseUrl: `http://127.0.0.1:${port}` });
  try {
    for (let round = 0; round < 3; round++) {
      const seen = new Map(sessions.map((id) => [id, [] as Recorded[]]));
      // These clients live through the crash: they attach again by themselves.
      const clients = sessions.map((id) =>
        record(runScript(client, id, `r${round}`, 100, 5), seen.get(id) ?? []),
      );
      const finished = Promise.allSettled(clients);
      await waitUntil(() => [...seen.values()].some((events) => events.length > 5), "the first events", {
        timeoutMs: 30_000,
      });
      await delay(random.integer(0, 400));
      await server.kill("SIGKILL");
      server = await launchServer(args);
      const results = await finished;
      for (const [index, id] of sessions.entries()) {
        const log = await readLog(client, id);
        const events = seen.get(id) ?? [];
        expectDense(log);
        expectTerminalOnce(log);
        expectDurable(events, log);
        const started = log.some(({ event }) => event.type === "RUN_STARTED" && event.runId === `r${round}`);
        if (events.length > 0) expect(started).toBe(true);
        // A client that saw its run begin follows it over the crash to its end, without a gap.
        if (events.length > 0 && results[index]?.status === "fulfilled") {
          expectDense(events, events[0]?.sequence ?? 1);
          expect(["RUN_FINISHED", "RUN_ERROR"]).toContain(events.at(-1)?.event.type);
        }
        if (events.length > 0) expect(results[index]).toMatchObject({ status: "fulfilled" });
        const cursor = events.at(-1)?.sequence ?? 0;
        expect(await readLog(client, id, cursor)).toEqual(log.slice(cursor));
      }
    }
  } finally {
    client.close();
    await server.kill("SIGKILL");
  }
});

test("a client that is cut off 100 times gets every event once, in order", { timeout: 120_000 }, async () => {
  const server = await launchServer(["--memory", "--test-agents"]);
  const proxy = await createFaultProxy({ port: Number(new URL(urlOf(server)).port) });
  const client = createAgentClient({ baseUrl: proxy.url });
  try {
    const seen: Recorded[] = [];
    let cuts = 0;
    const run = runScript(client, "t", "r", 2_000, 1);
    for await (const { sequence, event } of run) {
      seen.push({ sequence: sequence ?? -1, event });
      if (seen.length % 20 !== 0 || cuts === 100) continue;
      cuts++;
      proxy.cut();
    }
    expect(cuts).toBe(100);
    expectDense(seen);
    expect(seen).toHaveLength(2_004);
    expect(seen.at(-1)?.event.type).toBe("RUN_FINISHED");
  } finally {
    client.close();
    await proxy.close();
    await server.kill();
  }
});

test("clients that never read cost a bounded amount and slow nobody", { timeout: 120_000 }, async () => {
  const server = await launchServer(["--memory", "--test-agents"]);
  const url = new URL(urlOf(server));
  const client = createAgentClient({ baseUrl: url.href });
  const sockets: Socket[] = [];
  const stall = async (count: number) => {
    for (let index = 0; index < count; index++) sockets.push(stalledReader(url, "big"));
    await delay(2_000);
  };
  try {
    const whole: Recorded[] = [];
    for (let run = 0; run < 4; run++)
      await record(runScript(client, "big", `r${run}`, 18_000, 0, "x".repeat(80)), whole);
    await stall(40);
    const before = residentBytes(server.pid);
    await stall(80);
    const other: Recorded[] = [];
    await record(runScript(client, "other", "r1", 2_000), other);
    expect(other).toHaveLength(2_004);
    // Each would hold the 15 MB of this log if it were queued for.
    expect(residentBytes(server.pid) - before).toBeLessThan(80 * 1024 * 1024);
    expect(await readLog(client, "big")).toEqual(whole);
  } finally {
    for (const socket of sockets) socket.destroy();
    client.close();
    await server.kill();
  }
});

/** A client that asks for all events of a session and never reads one. */
function stalledReader(url: URL, sessionId: string): Socket {
  const socket = connect(Number(url.port), url.hostname);
  socket.pause();
  socket.on("error", () => {});
  socket.write(`GET /sessions/${sessionId}/events HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  return socket;
}

function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4096;
}

test("SIGTERM lets a run end, ends its stream well, and exits with 0", { timeout: 60_000 }, async () => {
  await using data = await createTempFolder();
  const server = await launchServer(["--data", data.path, "--test-agents", "--drain-ms", "20000"]);
  const client = createAgentClient({ baseUrl: urlOf(server) });
  const seen: Recorded[] = [];
  const reading = record(runScript(client, "t", "r", 100, 10), seen);
  await waitUntil(() => seen.length > 3, "the first events");
  const exit = server.kill("SIGTERM", 30_000);
  await reading;
  expect(seen.at(-1)?.event.type).toBe("RUN_FINISHED");
  expectDense(seen);
  expect((await exit).code).toBe(0);
  client.close();
});

test("SIGTERM ends a run that does not end by itself, and says why in the log", {
  timeout: 60_000,
}, async () => {
  await using data = await createTempFolder();
  const args = ["--data", data.path, "--test-agents", "--drain-ms", "200"];
  const server = await launchServer(args);
  const client = createAgentClient({ baseUrl: urlOf(server) });
  const seen: Recorded[] = [];
  const reading = record(runScript(client, "t", "r", 2_000, 50), seen);
  await waitUntil(() => seen.length > 3, "the first events");
  const { code } = await server.kill("SIGTERM", 30_000);
  await reading;
  client.close();
  expect(code).toBe(0);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
  const again = await launchServer(args);
  const other = createAgentClient({ baseUrl: urlOf(again) });
  expect(await readLog(other, "t")).toEqual(seen);
  other.close();
  await again.kill();
});
