import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editedState } from "../../test/arbitrary-state.ts";
import { applyPatch, diffState, InvalidPointerError, pointersChanged, selectState } from "../index.ts";
import type { Json, JsonPatchOperation } from "../types.ts";

describe("the parts of a state", () => {
  // The document of RFC 6901, section 5.
  const state: Json = {
    foo: ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  };

  test.each<[string, Json]>([
    ["", state],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
  ])("%j", (pointer, value) => {
    expect(selectState(state, [pointer])).toEqual({ [pointer]: value });
  });

  test("are those that are there", () => {
    const pointers = [
      "/a",
      "/b/c",
      "/none",
      "/b/none",
      "/list/1",
      "/list/2",
      "/list/-",
      "/list/01",
      "/list/length",
    ];
    expect(selectState({ a: null, b: { c: false }, list: [1, 2] }, pointers)).toEqual({
      "/a": null,
      "/b/c": false,
      "/list/1": 2,
    });
    expect(selectState({ a: 1 }, [])).toEqual({});
  });

  test("are nothing of a prototype's", () => {
    expect(selectState({}, ["/constructor", "/__proto__", "/toString/name"])).toEqual({});
    expect(selectState(JSON.parse('{"__proto__": {"a": 1}}'), ["/__proto__/a"])).toEqual({
      "/__proto__/a": 1,
    });
  });

  test.each(["a", "a/b", "/a~", "/~2", "#/a"])("%j is no pointer", (pointer) => {
    expect(() => selectState({}, [pointer])).toThrow(InvalidPointerError);
    expect(() => pointersChanged([], ["", pointer])).toThrow(pointer);
  });
});

describe("what a patch changed", () => {
  const replace = (path: string): JsonPatchOperation => ({ op: "replace", path, value: 1 });
  const add = (path: string): JsonPatchOperation => ({ op: "add", path, value: 1 });
  const remove = (path: string): JsonPatchOperation => ({ op: "remove", path });

  test.each<[JsonPatchOperation, string, boolean]>([
    [replace("/a"), "/a", true],
    [replace("/a/b"), "/a", true],
    [replace("/a"), "/a/b", true],
    [replace(""), "/a", true],
    [replace("/a"), "", true],
    [replace("/ab"), "/a", false],
    [replace("/a/b"), "/a/c", false],
    [replace("/a~1b"), "/a", false],
    [replace("/a~1b"), "/a~1b/c", true],
    [{ op: "test", path: "/a", value: 1 }, "/a", false],
    [{ op: "copy", from: "/a", path: "/b" }, "/a", false],
    [{ op: "copy", from: "/a", path: "/b" }, "/b", true],
    [{ op: "move", from: "/a/b", path: "/c" }, "/a", true],
    [{ op: "move", from: "/a", path: "/c" }, "/c/d", true],
    [add("/list/1"), "/list/0", false],
    [add("/list/1"), "/list/2/a", true],
    [add("/list/-"), "/list/5", true],
    [add("/list/1"), "/list/x", false],
    [remove("/list/1"), "/list/2", true],
    [replace("/list/1"), "/list/2", false],
    [remove("/list/1/0"), "/list/2", false],
    [{ op: "move", from: "/list/1", path: "/a" }, "/list/3", true],
  ])("%j touches %j: %s", (operation, pointer, expected) => {
    expect(pointersChanged([operation], [pointer])).toBe(expected);
    expect(pointersChanged([replace("/other"), operation], ["/none", pointer])).toBe(expected);
  });

  test("is nothing without operations or pointers", () => {
    expect(pointersChanged([], ["/a"])).toBe(false);
    expect(pointersChanged([replace("/a")], [])).toBe(false);
  });

  test("misses no change, whatever the patch and the pointer", () => {
    const pointersOf = (value: Json, path = ""): string[] =>
      typeof value !== "object" || value === null
        ? [path]
        : [
            path,
            ...Object.entries(value).flatMap(([key, inner]) =>
              pointersOf(inner, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
            ),
          ];
    let quiet = 0;
    fc.assert(
      fc.property(editedState, ([before, after]) => {
        const patch = diffState(before, after);
        expect(applyPatch(before, patch)).toEqual(after);
        for (const pointer of new Set([...pointersOf(before), ...pointersOf(after)])) {
          const differs = diffState(selectState(before, [pointer]), selectState(after, [pointer])).length > 0;
          const seen = pointersChanged(patch, [pointer]);
          if (differs) expect(`${pointer}: ${seen}`).toBe(`${pointer}: true`);
          else if (!seen) quiet += 1;
        }
      }),
      { seed: 20_260_304, numRuns: 2000 },
    );
    expect(quiet).toBeGreaterThan(1000);
  });
});
