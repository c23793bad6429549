import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyState, deepFreeze, editedState, nested } from "../../test/arbitrary-state.ts";
import { applyChange, type StateChange, StateChangeError } from "../index.ts";
import type { Json, JsonPatchOperation } from "../types.ts";
import { maxStateWeight } from "./change.ts";

const merge = (patch: Json): StateChange => ({ kind: "merge", patch });
const patch = (...operations: JsonPatchOperation[]): StateChange => ({ kind: "patch", operations });

function refusal(state: Json, change: StateChange): StateChangeError {
  const before = structuredClone(state);
  try {
    applyChange(deepFreeze(state), change);
  } catch (error) {
    expect(state).toEqual(before);
    if (error instanceof StateChangeError) return error;
    throw error;
  }
  throw new Error("It was applied.");
}

describe("merge", () => {
  // RFC 7396, appendix A.
  test.each<[Json, Json, Json]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j is %j", (state, change, expected) => {
    expect(applyChange(deepFreeze(state), merge(deepFreeze(change)))).toEqual(expected);
  });

  test("takes __proto__ for a key like any other", () => {
    const merged = applyChange(
      {},
      merge(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"a": 1}}')),
    );
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"polluted":1},"constructor":{"a":1}}');
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(applyChange(merged, merge(JSON.parse('{"__proto__": null}')))).toEqual({ constructor: { a: 1 } });
  });

  test("of anything with anything changes neither, and twice is as once", () => {
    fc.assert(
      fc.property(editedState, anyState, ([state], change) => {
        const once = applyChange(deepFreeze(state), merge(deepFreeze(change)));
        expect(applyChange(deepFreeze(once), merge(change))).toEqual(once);
      }),
      { seed: 20_260_303, numRuns: 2000 },
    );
  });
});

describe("patch", () => {
  // Cases in the manner of RFC 6902, appendix A.
  test.each<[string, Json, JsonPatchOperation[], Json]>([
    ["add a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
    ["add an element", { foo: [1, 3] }, [{ op: "add", path: "/foo/1", value: 2 }], { foo: [1, 2, 3] }],
    ["remove a member", { baz: 1, foo: 2 }, [{ op: "remove", path: "/baz" }], { foo: 2 }],
    ["remove an element", { foo: [1, 2, 3] }, [{ op: "remove", path: "/foo/1" }], { foo: [1, 3] }],
    ["replace", { baz: 1, foo: 2 }, [{ op: "replace", path: "/baz", value: null }], { baz: null, foo: 2 }],
    [
      "move a member",
      { a: { x: 1 }, b: {} },
      [{ op: "move", from: "/a/x", path: "/b/y" }],
      { a: {}, b: { y: 1 } },
    ],
    [
      "move an element",
      { foo: [1, 2, 3] },
      [{ op: "move", from: "/foo/0", path: "/foo/2" }],
      { foo: [2, 3, 1] },
    ],
    ["copy", { a: { x: 1 } }, [{ op: "copy", from: "/a", path: "/b" }], { a: { x: 1 }, b: { x: 1 } }],
    [
      "add to nothing is an object's",
      {},
      [
        { op: "add", path: "/a", value: [1] },
        { op: "add", path: "/a/-", value: 2 },
      ],
      { a: [1, 2] },
    ],
    ["add over a member", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
    ["escapes in order", { "~1": 1 }, [{ op: "test", path: "/~01", value: 1 }], { "~1": 1 }],
    ["an empty key", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
    ["no operation", { a: 1 }, [], { a: 1 }],
    ["members that nobody knows", {}, [{ op: "add", path: "/a", value: 1, more: 1 } as never], { a: 1 }],
    ["what a number tests as", { a: 1 }, [{ op: "test", path: "/a", value: 1.0 }], { a: 1 }],
  ])("%s", (_, state, operations, expected) => {
    expect(applyChange(deepFreeze(state), patch(...deepFreeze(operations)))).toEqual(expected);
  });

  test.each<Json>([5, "text", null, true])("refuses to add a member to %j", (state) => {
    const error = refusal(state, patch({ op: "add", path: "/a", value: 1 }));
    expect(error).toMatchObject({ path: "/a", operationIndex: 0 });
  });

  const fine: JsonPatchOperation = { op: "add", path: "/fine", value: 1 };

  test.each<[string, JsonPatchOperation]>([
    ["nothing at the path", { op: "replace", path: "/missing", value: 1 }],
    ["nothing to remove", { op: "remove", path: "/missing" }],
    ["nothing that contains it", { op: "add", path: "/missing/a", value: 1 }],
    ["a scalar that contains it", { op: "add", path: "/text/a", value: 1 }],
    ["a failed test", { op: "test", path: "/text", value: "other" }],
    ["a test of what is not there", { op: "test", path: "/missing", value: null }],
    ["an index out of range", { op: "add", path: "/list/3", value: 1 }],
    ["an index that is none", { op: "add", path: "/list/x", value: 1 }],
    ["an element that is not there", { op: "remove", path: "/list/2" }],
    ["a move from nowhere", { op: "move", from: "/missing", path: "/a" }],
    ["a move into itself", { op: "move", from: "/list", path: "/list/0" }],
    ["a copy from nowhere", { op: "copy", from: "/missing", path: "/a" }],
    ["a prototype", { op: "add", path: "/__proto__/a", value: 1 }],
    ["something of a text", { op: "move", from: "/text/0", path: "/a" }],
    ["the length of a text", { op: "copy", from: "/text/length", path: "/a" }],
    ["the length of a list", { op: "move", from: "/list/length", path: "/a" }],
    ["what every object has", { op: "copy", from: "/toString", path: "/a" }],
    ["a removal of what every object has", { op: "remove", path: "/toString" }],
    ["an index with a zero before it", { op: "add", path: "/list/01", value: 1 }],
    ["a move beyond the end", { op: "move", from: "/text", path: "/list/3" }],
    ["a move beyond what remains", { op: "move", from: "/list/0", path: "/list/2" }],
    ["an escape that is none", { op: "add", path: "/a~2", value: 1 }],
    ["too deep a value", { op: "add", path: "/a", value: nested(30, 1) }],
    ["far too deep a value", { op: "add", path: "/a", value: nested(100_000, 1) }],
    ["a path that is none", { op: "add", path: "a", value: 1 }],
    ["no value", { op: "add", path: "/a" } as never],
    ["an operation that nobody knows", { op: "merge", path: "/a" } as never],
  ])("refuses %s, and says where", (_, operation) => {
    const error = refusal({ text: "x", list: [1, 2] }, patch(fine, operation));
    expect(error).toMatchObject({ path: operation.path, operationIndex: 1 });
    expect(error.message).toMatch(/^Operation 1 at ".*" does not apply, and no other was applied: ./);
    expect(error.message).not.toContain("\n");
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test.each<[string, never]>([
    ["no operation", [fine, null] as never],
    ["an operation without a path", [fine, { op: "remove" }] as never],
  ])("refuses %s", (_, operations) => {
    expect(refusal({}, { kind: "patch", operations })).toMatchObject({ path: "", operationIndex: 1 });
  });

  test("refuses what is no list of operations", () => {
    expect(refusal({}, { kind: "patch", operations: "no" as never }).operationIndex).toBeUndefined();
  });

  test("repeats little of a long path", () => {
    const path = `/${"x".repeat(100_000)}`;
    const error = refusal({}, patch({ op: "remove", path }));
    expect(error.path).toBe(path);
    expect(error.message.length).toBeLessThan(1000);
  });

  test("refuses copies that would make the state too heavy", () => {
    const copy: JsonPatchOperation = { op: "copy", from: "/list", path: "/list/-" };
    const error = refusal({ list: ["x".repeat(1000)] }, patch(...Array<JsonPatchOperation>(20).fill(copy)));
    expect(error.path).toBe("/list/-");
    expect(error.operationIndex).toBeGreaterThan(5);
    expect(error.message).toContain(String(maxStateWeight));
  });
});

test("replaces the state", () => {
  expect(applyChange({ a: 1 }, { kind: "replace", value: [1] })).toEqual([1]);
  expect(applyChange({ a: 1 }, { kind: "replace", value: null })).toBeNull();
});

test.each<[string, (value: Json) => StateChange]>([
  ["replace", (value) => ({ kind: "replace", value })],
  ["merge", merge],
])("%s takes what is 30 deep, and refuses what is deeper, however deep", (_, change) => {
  expect(applyChange({}, change(nested(30, 1)))).toEqual(nested(30, 1));
  for (const levels of [31, 100_000]) {
    expect(refusal({}, change(nested(levels, 1)))).toMatchObject({
      path: "",
      operationIndex: undefined,
      message: "The state would nest more than 30 deep",
    });
  }
});

describe("the weight of a state", () => {
  const half = "x".repeat(maxStateWeight / 2);

  test.each<[string, StateChange]>([
    ["patch", patch({ op: "add", path: "/b", value: half })],
    ["merge", merge({ b: half })],
    ["replace", { kind: "replace", value: [half, half] }],
  ])("has a limit for a %s", (_, change) => {
    expect(refusal({ a: half }, change).message).toContain(`more than ${maxStateWeight}`);
    applyChange({}, { kind: "replace", value: { b: half } });
  });

  test("may shrink from above the limit", () => {
    const state = { a: half, b: half, c: half };
    expect(applyChange(state, merge({ c: null }))).toEqual({ a: half, b: half });
    expect(refusal(state, merge({ d: 1 }))).toBeInstanceOf(StateChangeError);
  });
});

test("shares what it leaves alone", () => {
  const state = deepFreeze({ kept: { a: 1 }, b: 1 });
  for (const change of [merge({ b: 2 }), patch({ op: "replace", path: "/b", value: 2 })]) {
    expect((applyChange(state, change) as typeof state).kept).toBe(state.kept);
  }
});
