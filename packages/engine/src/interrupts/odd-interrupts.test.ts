import type { Interrupt } from "@dragoman/agui";
import { describe, expect, test } from "vitest";
import { askingAgent, yes } from "../testing/asking-agent.ts";
import { engineWith, input, key, runToEnd, user } from "../testing/harness.ts";
import { expireTimeOf } from "./check-answer.ts";

const question = (id: string, more: Partial<Interrupt> = {}): Interrupt => ({ id, reason: "input", ...more });

describe("a run fails that asks what nobody could answer:", () => {
  test.each([
    ["an id that is empty", [question("")]],
    ["an id of more than 256 bytes", [question("é".repeat(129))]],
    ["an id with control characters", [question("a\nb")]],
    ["one of several", [question("a"), question("")]],
  ])("%s", async (_, interrupts) => {
    const { engine } = await engineWith(askingAgent(interrupts));
    const seen = await runToEnd(engine, input("r1", [user("u1")]));
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "EVENT_NOT_STORABLE" });
    expect((await engine.getSession(key)).openInterrupts).toEqual([]);
    // Nothing waits, so the session goes on.
    expect(await engine.getRun(key, "r1")).toMatchObject({ state: "failed" });
  });
});

test("an id may have 256 bytes", async () => {
  const interruptId = "é".repeat(128);
  const { engine } = await engineWith(askingAgent([question(interruptId)]));
  await runToEnd(engine, input("r1", [user("u1")]));
  const { info } = await engine.interrupts.resolve(key, { interruptId, ...yes });
  expect(info).toMatchObject({ state: "decided" });
});

test("times that no calendar of the contract has are the nearest that it has", () => {
  const timeOf = (expiresAt: string) => expireTimeOf(question("a", { expiresAt }));
  const last = Date.parse("9999-12-31T23:59:59.999Z");
  expect(timeOf("+275760-01-01T00:00:00Z")).toBe(last);
  expect(timeOf("99999")).toBe(last);
  expect(timeOf("-000100-01-01T00:00:00Z")).toBe(Date.parse("0001-01-01T00:00:00Z"));
  expect(timeOf("2030-01-01T00:00:00Z")).toBe(Date.parse("2030-01-01T00:00:00Z"));
  expect(timeOf("tomorrow")).toBeUndefined();
});
