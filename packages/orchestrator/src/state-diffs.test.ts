import { expect, test } from "vitest";
import { StateDiffs } from "./state-diffs.ts";

test("watchers that are at the same version share what changed, each other version has its own", () => {
  const diffs = new StateDiffs();
  const [before, after, other] = [
    { a: 1, list: [1] },
    { a: 2, list: [1] },
    { a: 3, list: [1] },
  ];
  const patch = diffs.patch(before, after);
  expect(patch?.operations).toMatchObject([{ path: "/a" }]);
  expect(diffs.patch(before, after)).toBe(patch);
  expect(diffs.patch(before, other)?.operations[0]?.value?.kind.value).toBe(3);
  expect(diffs.patch(before, { a: 1, list: [1] })).toBeUndefined();
  expect(diffs.patch(1, 2)?.operations).toMatchObject([{ path: "" }]);
});
