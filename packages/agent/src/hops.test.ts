import { collect } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import { freePort, withTimeout } from "@dragoman/testing";
import { expect, it } from "vitest";
import type { Agent } from "./agent.ts";
import { hopsMax, readHops } from "./hops.ts";
import { remoteAgent } from "./remote.ts";
import { serve } from "./serve.ts";

it("tells an agent how many servers its run came through", async () => {
  const seen: (number | undefined)[] = [];
  const last: Agent = {
    async *run({ threadId, runId }, { hops }) {
      seen.push(hops);
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
  await using far = await serve(last);
  const toFar = remoteAgent({ target: far.url });
  await using near = await serve(toFar);
  for (const baseUrl of [far.url, near.url]) {
    const client = createAgentClient({ baseUrl });
    await collect(client.run({ threadId: "t", runId: "r" }));
    client.close();
  }
  toFar.close();
  expect(seen).toEqual([0, 1]);
});

it("ends a run whose agent is behind itself", async () => {
  const port = await freePort();
  const self = remoteAgent({ target: `127.0.0.1:${port}` });
  await using host = await serve(self, { port });
  const client = createAgentClient({ baseUrl: host.url });
  const failed = collect(client.run({ threadId: "t", runId: "r" }));
  await expect(withTimeout(failed, "the end of the run")).resolves.toMatchObject({
    error: { code: "LIMIT_REACHED", message: expect.stringContaining("behind itself") },
  });
  client.close();
  self.close();
});

it.each(["9", "-1", "x", "1e3", "99999999999"])("refuses a count of %s", (text) => {
  expect(() => readHops(new Headers({ "dragoman-hops": text }))).toThrow(`more than ${hopsMax} servers`);
});
