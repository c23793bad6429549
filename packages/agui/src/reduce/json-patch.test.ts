import fc from "fast-check";
import jsonpatch from "fast-json-patch";
import { describe, expect, test } from "vitest";
import { encodeEvent } from "../index.ts";
import type { Json, JsonPatchOperation } from "../types.ts";
import { applyPatch, maxCopiedWeight } from "./json-patch.ts";

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

test.each<[string, Json, JsonPatchOperation[], Json]>([
  ["add to an object", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
  ["add to a list", [1, 3], [{ op: "add", path: "/1", value: 2 }], [1, 2, 3]],
  ["add at the end", { list: [] }, [{ op: "add", path: "/list/-", value: 1 }], { list: [1] }],
  ["replace the root", { a: 1 }, [{ op: "replace", path: "", value: null }], null],
  ["remove", { a: 1, b: { c: 2 } }, [{ op: "remove", path: "/b/c" }], { a: 1, b: {} }],
  ["move in a list", [1, [2], [3]], [{ op: "move", from: "/0", path: "/1/0" }], [[2], [1, 3]]],
  ["copy", { a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
  [
    "escaped keys",
    { "a/b": { "~": 1 } },
    [{ op: "replace", path: "/a~1b/~0", value: 2 }],
    { "a/b": { "~": 2 } },
  ],
  [
    "test, then change",
    { a: 1 },
    [
      { op: "test", path: "/a", value: 1 },
      { op: "remove", path: "/a" },
    ],
    {},
  ],
  [
    "change what was just added",
    {},
    [
      { op: "add", path: "/a", value: { b: [] } },
      { op: "add", path: "/a/b/0", value: 1 },
    ],
    { a: { b: [1] } },
  ],
])("%s", (_, document, patch, expected) => {
  expect(applyPatch(deepFreeze(document), deepFreeze(patch))).toEqual(expected);
});

describe("refuses", () => {
  test.each<[string, JsonPatchOperation[]]>([
    ["a path that does not exist", [{ op: "replace", path: "/x", value: 1 }]],
    ["a parent that does not exist", [{ op: "add", path: "/x/y", value: 1 }]],
    [
      "a failed test",
      [
        { op: "add", path: "/b", value: 1 },
        { op: "test", path: "/a", value: 2 },
      ],
    ],
    ["an index beyond the end", [{ op: "add", path: "/list/5", value: 1 }]],
    ["a move from nowhere to the root", [{ op: "move", from: "/x", path: "" }]],
    ["a move into itself", [{ op: "move", from: "", path: "/a" }]],
    ["a prototype", [{ op: "add", path: "/__proto__/polluted", value: 1 }]],
    ["an unknown operation", [{ op: "spoil", path: "/a" } as never]],
    ["what is no operation", [null as never]],
    ["no list", "patch" as never],
  ])("%s", (_, patch) => {
    const document = deepFreeze({ a: 1, list: [1] });
    expect(() => applyPatch(document, patch)).toThrow();
    expect(document).toEqual({ a: 1, list: [1] });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

test("shares what it does not change", () => {
  const document = { kept: { deep: [1] }, changed: { a: 1, kept: {} } };
  const next = applyPatch(document, [{ op: "replace", path: "/changed/a", value: 2 }]) as typeof document;
  expect(next.kept).toBe(document.kept);
  expect(next.changed.kept).toBe(document.changed.kept);
  expect(next.changed).not.toBe(document.changed);
});

test("refuses a copy that would make the document larger than any snapshot", () => {
  let document: Json = { list: ["x".repeat(100)] };
  let refused = 0;
  // Each would double it: without a limit, these few events make 2^40 times the document.
  for (let index = 0; index < 40; index++) {
    try {
      document = applyPatch(document, [{ op: "copy", from: "/list", path: "/list/-" }]);
    } catch (error) {
      refused += 1;
      expect((error as Error).message).toContain(`more than ${maxCopiedWeight}`);
    }
  }
  expect(refused).toBeGreaterThan(0);
  expect(JSON.stringify(document).length).toBeLessThan(2 * maxCopiedWeight);
});

test.each<[string, number, (path: string) => JsonPatchOperation]>([
  ["add", 1, (path) => ({ op: "add", path: `${path}/a`, value: { b: {} } })],
  ["add to a list", 1, (path) => ({ op: "add", path: `${path}/list/-`, value: {} })],
  ["copy", 2, (path) => ({ op: "copy", from: "/copied", path: `${path}/a` })],
  ["move", 2, (path) => ({ op: "move", from: "/copied", path: `${path}/a` })],
])("refuses to nest by %s deeper than a snapshot may be", (_, expected, operation) => {
  const nested = (levels: number): Json => (levels === 0 ? { list: [] } : { a: nested(levels - 1) });
  const show = (state: Json) => encodeEvent({ type: "STATE_SNAPSHOT", snapshot: state });
  let refused = 0;
  for (let levels = 20; levels <= 28; levels++) {
    const state = { ...(nested(levels) as object), copied: { a: { b: {} } } };
    show(state);
    let next: Json = state;
    try {
      next = applyPatch(state, [operation("/a".repeat(levels))]);
    } catch (error) {
      refused += 1;
      expect((error as Error).message).toBe("Cannot nest the document more than 30 deep");
    }
    show(next);
  }
  expect(refused).toBe(expected);
});

test("shares what it moves, and what is beside it", () => {
  const document = deepFreeze({ from: { moved: { a: [1] }, kept: {} }, to: { kept: {} } });
  const next = applyPatch(document, [{ op: "move", from: "/from/moved", path: "/to/moved" }]) as {
    from: { kept: object };
    to: { moved: object; kept: object };
  };
  expect(next.to.moved).toBe(document.from.moved);
  expect(next.to.kept).toBe(document.to.kept);
  expect(next.from.kept).toBe(document.from.kept);
  expect(next).toEqual({ from: { kept: {} }, to: { kept: {}, moved: { a: [1] } } });
});

test.each<JsonPatchOperation>([
  { op: "copy", from: "/toString", path: "/x" },
  { op: "move", from: "/constructor", path: "/x" },
  { op: "copy", from: "/list/map", path: "/list/-" },
  { op: "copy", from: "/toString", path: "" },
])("what every object of JavaScript has is no value: %o", (operation) => {
  expect(() => applyPatch({ list: [] }, [operation])).toThrow(
    expect.objectContaining({ name: "PatchError", isUnshowable: true }),
  );
});

const pointer = fc.constantFrom(
  "",
  "/a",
  "/b",
  "/a/b",
  "/list",
  "/list/0",
  "/list/1",
  "/list/2/x",
  "/list/-",
);
const value = fc.oneof(
  fc.integer({ max: 3 }),
  fc.constant(null),
  fc.constant({ b: { c: 1 } }),
  fc.constant([1, {}]),
);
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom("add", "replace", "test"), path: pointer, value }),
  fc.record({ op: fc.constant("remove"), path: pointer }),
  fc
    .record({ op: fc.constantFrom("move", "copy"), path: pointer.filter((to) => to !== ""), from: pointer })
    .filter(({ path, from }) => !path.startsWith(`${from}/`)),
) as fc.Arbitrary<JsonPatchOperation>;
const document = fc.constantFrom<Json[]>(
  {},
  { a: { b: 1 }, list: [] },
  { list: [1, 2, { x: 1 }] },
  [1],
  null,
  5,
);

/** The library puts what it is given into the document, and so changes its own patch if values are shared. */
const unshared = (patch: JsonPatchOperation[]) => JSON.parse(JSON.stringify(patch));

test("agrees with the library on every patch, and changes neither document nor patch", () => {
  fc.assert(
    fc.property(document, fc.array(operation, { maxLength: 5 }), (before, patch) => {
      let expected: { result: unknown } | undefined;
      try {
        expected = {
          result: jsonpatch.applyPatch(structuredClone(before), unshared(patch), true, false).newDocument,
        };
      } catch {
        expected = undefined;
      }
      const frozen = deepFreeze(structuredClone(before));
      const run = () => applyPatch(frozen, deepFreeze(unshared(patch)));
      if (expected === undefined) expect(run).toThrow();
      else expect(run()).toEqual(expected.result);
      expect(frozen).toEqual(before);
    }),
    { numRuns: 2000 },
  );
});
