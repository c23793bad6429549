import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";

test("deadlines are taken in their order, when their time has come", () => {
  const deadlines = new Deadlines(10);
  for (const time of [30, 10, 20]) deadlines.add(`at ${time}`, time);
  expect(deadlines.next).toBe(10);
  expect(deadlines.take(5)).toEqual([]);
  expect(deadlines.take(20)).toEqual(["at 10", "at 20"]);
  deadlines.remove("at 30");
  expect(deadlines.next).toBeUndefined();
  expect(deadlines.missingFrom).toBeUndefined();
});

test("one that is added again has its new time", () => {
  const deadlines = new Deadlines(10);
  deadlines.add("a", 10);
  deadlines.add("a", 30);
  expect(deadlines.take(20)).toEqual([]);
  expect(deadlines.take(30)).toEqual(["a"]);
});

test("only the soonest are held, and it is known when others are missing", () => {
  const deadlines = new Deadlines(2);
  for (const time of [40, 30, 20, 10]) deadlines.add(`at ${time}`, time);
  deadlines.add("at 35", 35);
  expect(deadlines.missingFrom).toBeUndefined();
  expect(deadlines.take(50)).toEqual(["at 10", "at 20"]);
  expect(deadlines.missingFrom).toBe(30);
  deadlines.clear();
  expect(deadlines.missingFrom).toBeUndefined();
});
