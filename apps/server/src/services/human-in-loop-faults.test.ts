import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentClient } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import {
  createTempFolder,
  delay,
  freePort,
  type StartedProcess,
  seededRandom,
  type TempFolder,
  withTimeout,
} from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askAsTold, endedRun, question, takeItems } from "../testing/asking.ts";
import { launchServer } from "../testing/launch.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";

const seed = Number(process.env.DRAGOMAN_SEED ?? 20_261_121);

/** A server of its own that is killed, in front of an agent that counts in a file what it did. */
let folder: TempFolder;
let agent: RecordingAgent;
let args: string[];
let server: StartedProcess;
let client: AgentClient;
let done: string;

beforeAll(async () => {
  folder = await createTempFolder();
  done = join(folder.path, "done");
  writeFileSync(done, "");
  agent = await startRecordingAgent();
  agent.script = (input) => {
    // What is guarded: it is done once for all answers of a run.
    if ((input.resume ?? []).length > 0) appendFileSync(done, `${input.threadId}\n`);
    return askAsTold(input);
  };
  const port = await freePort();
  args = ["--port", String(port), "--data", join(folder.path, "data"), "--agent", `asker=ag-ui:${agent.url}`];
  server = await launchServer(args);
  client = createAgentClient({ baseUrl: `http://127.0.0.1:${port}` });
});
afterAll(async () => {
  client.close();
  await server.kill();
  await agent[Symbol.asyncDispose]();
  await folder.remove();
});

async function killAndRestart(): Promise<void> {
  await server.kill();
  server = await launchServer(args);
}

const timesDone = (sessionId: string) =>
  readFileSync(done, "utf8")
    .split("\n")
    .filter((line) => line === sessionId).length;

const approve = { case: "approve", value: {} } as const;
const deny = { case: "deny", value: {} } as const;

/** Answers until the server says that the answer is taken, as somebody does whose connection breaks. */
async function answer(
  sessionId: string,
  interruptId: string,
  decision: typeof approve | typeof deny = approve,
) {
  for (let attempt = 0; ; attempt++) {
    try {
      const request = { sessionId, interruptId, decision };
      return await client.humanInLoop.resolveInterrupt(request, { timeoutMs: 5_000 });
    } catch (error) {
      if (attempt === 1_000) throw error;
      await delay(50);
    }
  }
}

/** The ids of what waits in a session, as the inbox shows it. */
async function waitingIn(sessionId: string): Promise<string[]> {
  const leaving = new AbortController();
  const { signal } = leaving;
  const ids: string[] = [];
  const stream = client.humanInLoop
    .watchInterrupts({ filter: { sessionId } }, { signal })
    [Symbol.asyncIterator]();
  for (;;) {
    const [item] = await takeItems(stream, 1);
    if (item?.case !== "interrupt") break;
    ids.push(item.value.interrupt?.id ?? "");
  }
  leaving.abort();
  return ids.sort();
}

test("kill -9 at each step, and each answer is kept", { timeout: 120_000 }, async () => {
  const sessionId = await ask(client, "asker", [question("a"), question("b")]);
  await killAndRestart();
  expect(await waitingIn(sessionId)).toEqual(["a", "b"]);
  await answer(sessionId, "b", deny);
  await killAndRestart();
  expect(await waitingIn(sessionId)).toEqual(["a"]);
  expect(timesDone(sessionId)).toBe(0);
  const { resumedRunId } = await answer(sessionId, "a");
  await endedRun(client, sessionId, resumedRunId);
  await killAndRestart();
  expect(await waitingIn(sessionId)).toEqual([]);
  expect((await answer(sessionId, "a")).resumedRunId).toBe(resumedRunId);
  expect((await answer(sessionId, "b", deny)).resumedRunId).toBe(resumedRunId);
  expect((await endedRun(client, sessionId, resumedRunId))?.state).toBe(RunState.SUCCEEDED);
  expect(timesDone(sessionId)).toBe(1);
  expect(agent.inputs.at(-1)?.resume?.map(({ interruptId }) => interruptId)).toEqual(["b", "a"]);
});

test("kill -9 between an answer and what it allows: it is done once, or reported as lost", {
  timeout: 120_000,
}, async () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 5; round++) {
    const sessionId = await ask(client, "asker", [question("a")]);
    const first = answer(sessionId, "a");
    first.catch(() => undefined); // it is awaited after the restart
    // From before the answer is read to after the agent was called.
    await delay(random.integer(0, 12));
    await killAndRestart();
    const { resumedRunId } = await withTimeout(first, "the answer", 60_000);
    const run = await endedRun(client, sessionId, resumedRunId);
    if (run?.state === RunState.SUCCEEDED) expect(timesDone(sessionId), `seed ${seed}`).toBe(1);
    else {
      expect(run).toMatchObject({ state: RunState.FAILED, errorCode: "NODE_LOST" });
      expect(timesDone(sessionId), `seed ${seed}`).toBeLessThanOrEqual(1);
    }
    expect(await waitingIn(sessionId)).toEqual([]);
  }
});

test("kill -9 while the agent acts: the run ends as lost, and the agent is not called again", {
  timeout: 60_000,
}, async () => {
  const sessionId = await ask(client, "asker", [question("a")]);
  const before = agent.script;
  const killed = new Promise<void>((resolve) => {
    agent.script = (input) => {
      const events = before(input);
      if ((input.resume ?? []).length > 0) resolve(server.kill().then(() => undefined));
      return events;
    };
  });
  const first = answer(sessionId, "a");
  await killed;
  agent.script = before;
  server = await launchServer(args);
  const { resumedRunId } = await first;
  const run = await endedRun(client, sessionId, resumedRunId);
  expect(timesDone(sessionId)).toBe(1);
  // Everything it said may have been durable before the kill.
  expect([RunState.FAILED, RunState.SUCCEEDED]).toContain(run?.state);
});
