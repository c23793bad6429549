import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";

const key = (id: number) => ({ namespace: "n", id: String(id) });

function takeAll(deadlines: Deadlines, now = Number.POSITIVE_INFINITY): string[] {
  const taken: string[] = [];
  for (let due = deadlines.takeDue(now); due; due = deadlines.takeDue(now)) taken.push(due.id);
  return taken;
}

test("the soonest comes first, and none before its time", () => {
  const deadlines = new Deadlines(100);
  for (const [id, time] of [
    [1, 30],
    [2, 10],
    [3, 20],
  ] as const)
    deadlines.set(key(id), time);
  expect(deadlines.next).toBe(10);
  expect(takeAll(deadlines, 9)).toEqual([]);
  expect(takeAll(deadlines, 20)).toEqual(["2", "3"]);
  expect(deadlines.next).toBe(30);
  deadlines.set(key(1), 40);
  expect(takeAll(deadlines, 39)).toEqual([]);
  deadlines.delete(key(1));
  expect([deadlines.next, deadlines.size, deadlines.isExhausted]).toEqual([undefined, 0, false]);
});

test("it is what a sorted list is, whatever is set, changed and taken away", () => {
  const step = fc.record({ id: fc.nat(20), time: fc.nat(1_000), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines(50);
      const model = new Map<string, number>();
      for (const { id, time, remove } of steps) {
        if (remove) {
          deadlines.delete(key(id));
          model.delete(String(id));
        } else {
          deadlines.set(key(id), time);
          model.set(String(id), time);
        }
      }
      const times = takeAll(deadlines).map((id) => model.get(id));
      expect(times).toEqual([...model.values()].sort((a, b) => a - b));
    }),
  );
});

test("more than it holds are found by filling it anew, none is lost and none comes out of turn", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 30 }),
      (times, max) => {
        const deadlines = new Deadlines(max);
        const left = new Map(times.map((time, id) => [String(id), time]));
        const taken: number[] = [];
        for (let rounds = 0; left.size > 0; rounds++) {
          expect(rounds).toBeLessThanOrEqual(times.length);
          deadlines.refill();
          for (const [id, time] of left) deadlines.set({ namespace: "n", id }, time);
          expect(deadlines.size).toBeLessThanOrEqual(max);
          for (const id of takeAll(deadlines)) {
            taken.push(left.get(id) ?? Number.NaN);
            left.delete(id);
          }
          expect(deadlines.isExhausted).toBe(left.size > 0);
        }
        expect(taken).toEqual([...times].sort((a, b) => a - b));
      },
    ),
  );
});
