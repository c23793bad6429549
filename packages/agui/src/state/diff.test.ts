import fc from "fast-check";
import jsonpatch, { type Operation } from "fast-json-patch";
import { describe, expect, test } from "vitest";
import { anyState, deepFreeze, editedState, nested } from "../../test/arbitrary-state.ts";
import { applyPatch, diffState } from "../index.ts";
import type { Json, JsonPatchOperation } from "../types.ts";

/** A fixed seed: the same cases every time. */
const runs = (numRuns: number) => ({ seed: 20_260_301, numRuns });

/** As stock clients apply it: on a copy of the document that went through JSON. */
const applyAsStock = (document: Json, patch: readonly JsonPatchOperation[]) =>
  jsonpatch.applyPatch(document, structuredClone(patch) as Operation[], true, false).newDocument;

/** JSON text has no negative zero and no order of keys to rely on. */
const throughJson = (value: Json) => JSON.parse(JSON.stringify(value));

describe("the difference, applied", () => {
  const holds = ([before, after]: readonly [Json, Json]) => {
    const patch = diffState(deepFreeze(before), deepFreeze(after));
    expect(applyPatch(before, patch)).toEqual(after);
    expect(throughJson(applyAsStock(before, patch))).toEqual(throughJson(after));
    let isSame = true;
    try {
      expect(before).toEqual(after);
    } catch {
      isSame = false;
    }
    expect(patch.length === 0).toBe(isSame);
  };

  test("makes one state of any other, here and in the stock library", () => {
    fc.assert(fc.property(fc.tuple(anyState, anyState), holds), runs(2000));
  });

  test("makes an edited state of what it was, here and in the stock library", () => {
    fc.assert(fc.property(editedState, holds), runs(4000));
  });

  test("makes a list of any other over few values", () => {
    const list = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 });
    fc.assert(fc.property(fc.tuple(list, list), holds), runs(2000));
  });

  test("makes a list of objects with ids of any other", () => {
    const list = fc.uniqueArray(fc.record({ id: fc.integer({ min: 0, max: 9 }), n: fc.nat(2) }), {
      maxLength: 10,
      selector: ({ id }) => id,
    });
    fc.assert(fc.property(fc.tuple(list, list), holds), runs(2000));
  });
});

test("reaches no prototype", () => {
  const before = JSON.parse('{"a": {"__proto__": {"x": 1}}, "constructor": {"prototype": {"x": 1}, "b": 1}}');
  const after = JSON.parse('{"a": {"__proto__": {"x": 2}}, "constructor": {"prototype": {"x": 2}, "b": 1}}');
  const patch = diffState(before, after);
  expect(patch.map(({ path }) => path)).toEqual(["/a", "/constructor"]);
  expect(applyPatch(before, patch)).toEqual(after);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test.each<[string, Json, Json, JsonPatchOperation[]]>([
  ["nothing", { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
  ["the order of keys", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
  ["a scalar", { a: { b: 1, c: 2 } }, { a: { b: 3, c: 2 } }, [{ op: "replace", path: "/a/b", value: 3 }]],
  ["null for absent", { a: null }, {}, [{ op: "remove", path: "/a" }]],
  ["another root", [1], { a: 1 }, [{ op: "replace", path: "", value: { a: 1 } }]],
  ["the sign of a zero", { a: 0 }, { a: -0 }, [{ op: "replace", path: "/a", value: -0 }]],
  ["a key to escape", { "~/": 1 }, { "~/": 2 }, [{ op: "replace", path: "/~0~1", value: 2 }]],
  ["an empty key", { "": { "": 1 } }, { "": { "": 2 } }, [{ op: "replace", path: "//", value: 2 }]],
  ["what has no key in common", { a: 1, b: 2 }, { c: 1 }, [{ op: "replace", path: "", value: { c: 1 } }]],
  [
    "what is appended",
    [1],
    [1, 2, 3],
    [
      { op: "add", path: "/1", value: 2 },
      { op: "add", path: "/2", value: 3 },
    ],
  ],
  [
    "what is inserted in front",
    ["a", "b", "c"],
    ["x", "a", "b", "c"],
    [{ op: "add", path: "/0", value: "x" }],
  ],
  ["what is removed in the middle", ["a", "b", "c"], ["a", "c"], [{ op: "remove", path: "/1" }]],
  [
    "a window that slides",
    [1, 2, 3, 4],
    [2, 3, 4, 5],
    [
      { op: "add", path: "/4", value: 5 },
      { op: "remove", path: "/0" },
    ],
  ],
  [
    "inside of an element",
    [
      { a: 1, b: 1 },
      { a: 2, b: 2 },
    ],
    [
      { a: 1, b: 1 },
      { a: 2, b: 3 },
    ],
    [{ op: "replace", path: "/1/b", value: 3 }],
  ],
  [
    "an element with an id behind a new one",
    [{ id: 1, n: 1 }],
    [
      { id: 2, n: 5 },
      { id: 1, n: 2 },
    ],
    [
      { op: "replace", path: "/0/n", value: 2 },
      { op: "add", path: "/0", value: { id: 2, n: 5 } },
    ],
  ],
  [
    "the order of elements with ids",
    [{ id: 1 }, { id: 2 }, { id: 3 }],
    [{ id: 2 }, { id: 3 }, { id: 1 }],
    [
      { op: "add", path: "/3", value: { id: 1 } },
      { op: "remove", path: "/0" },
    ],
  ],
])("says shortly: %s", (_, before, after, expected) => {
  expect(diffState(before, after)).toEqual(expected);
});

test("takes few operations for few changes in a long list", () => {
  const before = Array.from({ length: 5000 }, (_, index) => ({ text: `entry ${index}` }));
  const after = before.toSpliced(4000, 1).toSpliced(100, 2, { text: "new" });
  const patch = diffState(before, after);
  expect(patch.length).toBe(3);
  expect(applyPatch(before, patch)).toEqual(after);
});

test("bears nesting of a thousand levels", () => {
  const [before, after] = [nested(1000, { deep: 1, kept: 1 }), nested(1000, { deep: 2, kept: 1 })];
  const patch = diffState(before, after);
  expect(patch).toEqual([{ op: "replace", path: `${"/0/a".repeat(500)}/deep`, value: 2 }]);
  expect(diffState(before, structuredClone(before))).toEqual([]);
  expect(diffState([before, 1, 2], [1, 2, after, before]).length).toBeGreaterThan(0);
});
