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
  const inputs = new LiveInputs({ waitingMax: 2 });
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

test("keeps what comes before the reader, where it is told to", async () => {
  const inputs = new LiveInputs({ waitsForReader: true, waitingMax: 1 });
  expect([inputs.push(say("a")), inputs.push(say("b"))]).toEqual([true, false]);
  expect(inputs.isRead).toBe(false);
  expect((await inputs[Symbol.asyncIterator]().next()).value).toEqual(say("a"));
});

test("tells what was taken", async () => {
  const taken: string[] = [];
  const inputs = new LiveInputs();
  const reader = inputs[Symbol.asyncIterator]();
  for (const id of ["a", "b"]) inputs.push(say(id), () => taken.push(id));
  expect(taken).toEqual([]);
  await reader.next();
  expect(taken).toEqual(["a"]);
  expect(inputs.end()).toEqual([say("b")]);
});

test("what is handed on counts as taken when that is told, and fills the room until then", async () => {
  const taken: string[] = [];
  const inputs = new LiveInputs({ waitingMax: 2 });
  const reader = inputs.handOn();
  for (const id of ["a", "b"]) inputs.push(say(id), () => taken.push(id));
  const [first, second] = [await reader.next(), await reader.next()];
  expect(taken).toEqual([]);
  expect(inputs.hasRoom).toBe(false);
  reader.taken(second.value);
  reader.taken(second.value);
  expect(taken).toEqual(["b"]);
  expect(inputs.hasRoom).toBe(true);
  inputs.push(say("c"));
  expect(inputs.end()).toEqual([first.value, say("c")]);
  reader.taken(first.value);
  expect(taken).toEqual(["b"]);
});

test("whoever begins to read is the only reader from then on", async () => {
  const inputs = new LiveInputs();
  const first = inputs[Symbol.asyncIterator]();
  const waiting = first.next();
  const second = inputs[Symbol.asyncIterator]();
  expect((await waiting).done).toBe(true);
  await first.return?.();
  expect(inputs.push(say("a"))).toBe(true);
  expect((await first.next()).done).toBe(true);
  expect((await second.next()).value).toEqual(say("a"));
  const last = second.next();
  await second.return?.();
  expect((await last).done).toBe(true);
  expect(inputs.push(say("b"))).toBe(false);
});

test("answers each of several who wait at once, in their order", async () => {
  const inputs = new LiveInputs();
  const reader = inputs[Symbol.asyncIterator]();
  const answers = [reader.next(), reader.next(), reader.next()];
  inputs.push(say("a"));
  inputs.push(say("b"));
  expect((await Promise.all(answers.slice(0, 2))).map(({ value }) => value)).toEqual([say("a"), say("b")]);
  inputs.end();
  expect((await answers[2])?.done).toBe(true);
});

test("takes control also where there is no room: who is held back has to hear that it may go on", async () => {
  const inputs = new LiveInputs({ waitingMax: 2 });
  const reader = inputs[Symbol.asyncIterator]();
  const control = (action: "pause" | "resume"): LiveInput => ({ type: "control", action });
  inputs.push(control("pause"));
  inputs.push(say("a"));
  for (let round = 0; round < 10; round++) {
    expect(inputs.push(control("pause"))).toBe(true);
    expect(inputs.push(control("resume"))).toBe(true);
  }
  expect(inputs.push(say("b"))).toBe(false);
  expect([(await reader.next()).value, (await reader.next()).value]).toEqual([say("a"), control("resume")]);
  expect(inputs.end()).toEqual([]);
});
