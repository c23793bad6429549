import { openMemoryStore, withFaults } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { expectReason, expiryEngine, hourMs, minuteMs, sessionEvents } from "../testing/expiry-harness.ts";
import { attach, echoAgent, input, key, request, runToEnd } from "../testing/harness.ts";

test.each(["full", "failBefore", "failAfter"] as const)(
  "a session that expired is read although its end cannot be written: %s",
  async (fault) => {
    const store = withFaults(await openMemoryStore(), { seed: 1, [fault]: 1 });
    store.enable(false);
    const { engine, clock } = await expiryEngine(echoAgent(), { store });
    const { expireTime } = await engine.createSession(key, { expireAfterMs: hourMs });
    await runToEnd(engine, input("r1"));
    store.enable(true);
    await clock.advance(hourMs);
    // Twice: the second one meets what the first one left.
    for (let round = 0; round < 2; round++) {
      const view = await engine.getSession(key);
      expect(view).toMatchObject({ expireTime, info: { runCount: 1 } });
      await expectReason(engine.start(request(input("r2")), attach()), "SESSION_EXPIRED");
    }
    store.enable(false);
    await clock.advance(minuteMs);
    expect((await engine.getSession(key)).info.state).toBe("expired");
    const named = (await sessionEvents(engine)).filter(({ event }) => event.type === "CUSTOM");
    expect(named).toHaveLength(1);
  },
);
