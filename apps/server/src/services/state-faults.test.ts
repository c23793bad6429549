import { applyPatch, createReducer, type Json } from "@dragoman/agui";
import { type AgentClient, fromStatePatch, fromValue, toStatePatch, toValue } from "@dragoman/client";
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
import { launchServer } from "../testing/launch.ts";
import { startTestServer } from "../testing/test-server.ts";

const seed = Number(process.env.DRAGOMAN_SEED ?? 20_261_121);

/** Appends to a list until the server says that it did, however often it takes. */
async function append(client: AgentClient, sessionId: string, value: string): Promise<void> {
  const patch = toStatePatch([{ op: "add", path: "/list/-", value }]);
  const request = { sessionId, change: { case: "patch", value: patch }, requestId: value } as const;
  for (let attempt = 0; ; attempt++) {
    try {
      await client.state.updateState(request, { timeoutMs: 5_000 });
      return;
    } catch (error) {
      if (attempt === 1_000) throw error;
      await delay(50);
    }
  }
}

test("kill -9 between any two steps: a change that is asked for until it is done is done once", {
  timeout: 120_000,
}, async () => {
  await using data = await createTempFolder();
  const random = seededRandom(seed);
  const port = await freePort();
  const args = ["--port", String(port), "--data", data.path];
  let server = await launchServer(args);
  const client = createAgentClient({ baseUrl: `http://127.0.0.1:${port}` });
  const sessionId = "s";
  try {
    await client.sessions.createSession({ sessionId, initialState: toValue({ list: [] }) });
    const done: string[] = [];
    const clients = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; n < 60; n++) {
        await append(client, sessionId, `${writer}-${n}`);
        done.push(`${writer}-${n}`);
      }
    });
    for (let round = 1; round <= 3; round++) {
      const count = round * 40 + random.integer(0, 20);
      await waitUntil(() => done.length >= count, "some changes", { timeoutMs: 30_000 });
      await server.kill();
      server = await launchServer(args);
    }
    await Promise.all(clients);
    const { state, revision } = await client.state.getState({ sessionId });
    const { list } = fromValue(state) as { list: string[] };
    expect(list.toSorted()).toEqual(done.toSorted());
    const reducer = createReducer({});
    let last = 0;
    for await (const { event, sequence } of client.observeSession({ sessionId }, { mode: "beginning" })) {
      reducer.push(event);
      if (event.type.startsWith("STATE_")) last = sequence ?? 0;
    }
    expect(reducer.state).toEqual({ list });
    expect(BigInt(last)).toBe(revision);
  } finally {
    client.close();
    await server.kill();
  }
});

test("a watcher whose connection is cut again and again ends with the state as it is", {
  timeout: 60_000,
}, async () => {
  await using server = await startTestServer();
  const random = seededRandom(seed);
  await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  const direct = createAgentClient({ baseUrl: server.url });
  const cut = createAgentClient({ baseUrl: proxy.url });
  const sessionId = "s";
  await direct.sessions.createSession({ sessionId, initialState: toValue({ n: 0 }) });
  let state: Json;
  let resumed = 0;
  const watching = (async () => {
    let place: { afterRevision: bigint; logId: string } | undefined;
    let logId = "";
    while ((state as { n?: number } | undefined)?.n !== 200) {
      try {
        for await (const item of cut.state.watchState({ sessionId, ...place })) {
          logId ||= item.logId;
          if (item.item.case === "snapshot") state = fromValue(item.item.value) as Json;
          else if (item.item.case === "patch") state = applyPatch(state, fromStatePatch(item.item.value));
          if (item.item.case !== "heartbeat") place = { afterRevision: item.revision, logId };
          if ((state as { n: number }).n === 200) break;
        }
      } catch {
        resumed += 1;
        await delay(5);
      }
    }
  })();
  for (let n = 1; n <= 200; n++) {
    await direct.state.updateState({ sessionId, change: { case: "mergePatch", value: toValue({ n }) } });
    if (random.next() < 0.1) proxy.cut();
  }
  await watching;
  expect(state).toEqual({ n: 200 });
  expect(resumed).toBeGreaterThan(0);
  direct.close();
  cut.close();
});
