import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { openEngine } from "./engine.ts";
import { attach, heldAgent, input, key, request, user } from "./testing/harness.ts";

test("a run that is queued while another is cancelled is found again after a restart", async () => {
  const store = await openMemoryStore();
  const agent = heldAgent();
  const agents = { find: () => ({ agentId: "agent", agent }) };
  const first = await openEngine({ store, agents });
  await first.start(request(input("r1")), attach());
  await agent.started;
  const queue = (n: number) =>
    first.start(request(input(`q${n}`, [user(`m${n}`)]), { ifActive: "queue" }), attach());
  await queue(0);
  for (let n = 1; n < 8; n++) await Promise.all([first.cancelRun(key, `q${n - 1}`), queue(n)]);
  const errors: unknown[] = [];
  const second = await openEngine({ store, agents, onError: (error) => errors.push(error) });
  expect(errors).toEqual([]);
  await second.close(1);
});
