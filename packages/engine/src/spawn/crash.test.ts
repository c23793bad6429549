import { createVerifier } from "@dragoman/agui";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { openEngine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import { dyingStore } from "../testing/dying-store.ts";
import {
  agentOf,
  attach,
  echoAgent,
  input,
  key,
  readAll,
  request,
  type Seen,
  user,
} from "../testing/harness.ts";
import type { SpawnRequest } from "./spawn-request.ts";

const task: SpawnRequest = {
  namespace: "default",
  agentId: "child",
  task: "do it",
  taskId: "task",
  parent: { sessionId: key.id, runId: "r1" },
};

/** Delegates, and says what came of it. */
const parent = agentOf(async function* ({ threadId, runId }, { spawn }) {
  const answer = await spawn?.("child", "do it", { taskId: "task" });
  yield { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" };
  yield { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: answer?.content ?? "" };
  yield { type: "TEXT_MESSAGE_END", messageId: "m" };
  yield { type: "RUN_FINISHED", threadId, runId };
});

function open(store: Store, child = echoAgent()) {
  const agents = { parent, child };
  const find = (agentId: string) =>
    agentId === "child" ? { agentId, agent: agents.child } : { agentId: "parent", agent: agents.parent };
  return openEngine({ store, agents: { find } });
}

/** Throws if a stock client would: the order of events, and one terminal event, the last. */
function expectLegal(seen: readonly Seen[]): void {
  const verifier = createVerifier({});
  for (const { event } of seen) verifier.push(event);
  expect(
    seen.map(({ event }) => event.type).filter((type) => /^RUN_(FINISHED|ERROR)$/.test(type)),
  ).toHaveLength(1);
  expect(seen.at(-1)?.event.type).toMatch(/^RUN_(FINISHED|ERROR)$/);
}

const absent = (error: unknown) => {
  if (error instanceof EngineError && error.reason.endsWith("_NOT_FOUND")) return undefined;
  throw error;
};

// 8 appends are more than there are.
test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  "a crash after %i appends leaves both runs whole, and the task is done at most once",
  async (appends) => {
    const store = await openMemoryStore();
    const dying = dyingStore(store);
    const child = echoAgent();
    const first = await open(dying.store, child);
    const dead = dying.dieAfter(appends);
    const ran = first
      .start(request(input("r1", [user("u1")])), attach())
      .then(({ attachment }) => readAll(attachment));
    await Promise.race([dead, ran]);

    const engine = await open(store, child);
    const seen = await engine.observeRun(key, "r1", attach()).then(readAll, absent);
    if (seen) expectLegal(seen);
    const calls = child.inputs.length;
    const again = await engine.spawns.start(task, attach()).catch((error: unknown) => error);
    if (again instanceof EngineError) {
      expect(again.reason).toMatch(seen ? /^RUN_ENDED$/ : /_NOT_FOUND$/);
      expect(calls, "a task that was begun is known").toBe(0);
      expect(seen?.some(({ event }) => event.type === "SUBAGENT_STARTED") ?? false).toBe(false);
      return;
    }
    expectLegal(await readAll((again as { attachment: Parameters<typeof readAll>[0] }).attachment));
    expect(child.inputs.length, "it is not done again").toBe(calls);
  },
);
