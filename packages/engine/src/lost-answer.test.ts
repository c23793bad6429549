import { createVerifier } from "@dragoman/agui";
import { openMemoryStore, withFaults } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { attach, echoAgent, engineWith, input, key, readAll, request } from "./testing/harness.ts";

test("what was appended although the store said that it failed is shown, and is not appended again", async () => {
  let found = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const store = withFaults(await openMemoryStore(), { seed, failAfter: 0.4 });
    const { engine } = await engineWith(echoAgent(), { store });
    const started = await engine
      .start(request(input("r")), attach({ idleMs: 10_000 }))
      .catch(() => undefined);
    if (!started) continue;
    const seen = await readAll(started.attachment);
    store.enable(false);
    const verifier = createVerifier();
    for (const { event } of seen) verifier.push(event);
    verifier.end();
    const { sequence } = seen.at(-1) ?? {};
    expect(seen.map((one) => one.sequence)).toEqual(seen.map((_, index) => index + 1));
    const whole = await readAll(
      await engine.observeSession(key, attach({ mode: "beginning", after: 0 }), false),
    );
    expect(whole).toEqual(seen);
    expect(await engine.getRun(key, "r")).toMatchObject({ lastSequence: sequence });
    found += store.counts.failAfter;
    await engine.close(0);
  }
  expect(found).toBeGreaterThan(10);
});
