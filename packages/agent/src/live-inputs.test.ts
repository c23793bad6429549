import { expect, test } from "vitest";
import { type LiveInput, LiveInputs } from "./live-inputs.ts";

const say = (id: string): LiveInput => ({ type: "message", message: { id, role: "user", content: id } });

test("takes nothing before it is read", () => {
  const inputs = new LiveInputs();
  expect(inputs.push(say("a"))).toBe(false);
  expect(inputs.isRead).toBe(false);
});

test("hands inputs over in order, and ends", async () => {
  const inputs = new LiveInputs();
  const reader = inputs[Symbol.asyncIterator]();
  const first = reader.next();
  expect(inputs.push(say("a"))).toBe(true);
  expect(inputs.push(say("b"))).toBe(true);
  expect(await first).toEqual({ done: false, value: say("a") });
  expect(await reader.next()).toEqual({ done: false, value: say("b") });
  const last = reader.next();
  expect(inputs.end()).toEqual([]);
  expect((await last).done).toBe(true);
});

test("returns what was never taken", () => {
  const inputs = new LiveInputs();
  inputs[Symbol.asyncIterator]();
  inputs.push(say("a"));
  expect(inputs.end()).toEqual([say("a")]);
  expect(inputs.push(say("b"))).toBe(false);
});

test("takes nothing beyond its limit, and again when there is room", async () => {
  const inputs = new LiveInputs(2);
  const reader = inputs[Symbol.asyncIterator]();
  expect([inputs.push(say("a")), inputs.push(say("b")), inputs.push(say("c"))]).toEqual([true, true, false]);
  await reader.next();
  expect(inputs.push(say("c"))).toBe(true);
});

test("takes nothing from a reader that left on", async () => {
  const inputs = new LiveInputs();
  const reader = inputs[Symbol.asyncIterator]();
  await reader.return?.();
  expect(inputs.push(say("a"))).toBe(false);
});
