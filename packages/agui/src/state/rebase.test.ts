import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyState, deepFreeze, editedState, nested } from "../../test/arbitrary-state.ts";
import { applyChange, diffState, rebaseState } from "../index.ts";
import type { Json, JsonObject, JsonPatchOperation } from "../types.ts";

/** A fixed seed: the same cases every time. */
const runs = (numRuns: number) => ({ seed: 20_260_302, numRuns });

describe("laws", () => {
  test("where nobody else wrote, it is what the agent made", () => {
    fc.assert(
      fc.property(editedState, ([base, ours]) => {
        expect(rebaseState({ base, theirs: structuredClone(base), ours })).toBe(ours);
      }),
      runs(2000),
    );
  });

  test("where the agent did not write, it is what the others made", () => {
    fc.assert(
      fc.property(editedState, ([base, theirs]) => {
        const rebased = rebaseState({ base, theirs, ours: structuredClone(base) });
        expect(rebased).toEqual(theirs);
        expect(diffState(rebased, theirs)).toEqual([]);
      }),
      runs(2000),
    );
  });

  test("where both wrote the same, it is that", () => {
    fc.assert(
      fc.property(editedState, ([base, both]) => {
        expect(rebaseState({ base, theirs: both, ours: structuredClone(both) })).toEqual(both);
      }),
      runs(1000),
    );
  });

  test("it gives JSON for any three states, and changes none of them", () => {
    fc.assert(
      fc.property(editedState, anyState, ([base, theirs], ours) => {
        for (const state of [base, theirs, ours]) deepFreeze(state);
        const rebased = rebaseState({ base, theirs, ours });
        expect(diffState(rebased, structuredClone(rebased))).toEqual([]);
        expect(rebaseState({ base, theirs: rebased, ours: base })).toEqual(rebased);
      }),
      runs(2000),
    );
  });
});

/** Every place of a state that holds something else than an object or a list. */
function leavesOf(state: Json, path = ""): string[] {
  if (typeof state !== "object" || state === null) return [path];
  return Object.entries(state).flatMap(([key, value]) =>
    leavesOf(value, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
}

/** States without keys that no patch may name. */
const writableState = fc.letrec<{ state: Json; object: Json; list: Json; rows: Json }>((tie) => ({
  state: fc.oneof(
    { depthSize: "small" },
    fc.integer({ min: 0, max: 3 }),
    tie("object"),
    tie("list"),
    tie("rows"),
  ),
  object: fc.dictionary(fc.constantFrom("a", "b", "", "~", "a/b", "1"), tie("state"), { maxKeys: 4 }),
  list: fc.array(tie("state"), { maxLength: 5 }),
  rows: fc
    .array(tie("object"), { maxLength: 5 })
    .map((rows) => rows.map((row, id) => ({ ...(row as JsonObject), id: String(id) }))),
})).object;

const write = (path: string, value: Json): JsonPatchOperation => ({ op: "replace", path, value });
const applied = (state: Json, operations: readonly JsonPatchOperation[]) =>
  applyChange(state, { kind: "patch", operations });

describe("no write to a path that nobody else wrote is lost", () => {
  test("of an agent and any number of clients that write in place", () => {
    let written = 0;
    fc.assert(
      fc.property(writableState, fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (base, writers) => {
        // Nobody writes an id, by which an element would become another one.
        const leaves = leavesOf(base).filter((path) => !path.endsWith("/id"));
        const writes = leaves.map((path, index) => ({ path, writer: writers[index] ?? 9 }));
        const by = (isWriter: (writer: number) => boolean) =>
          writes
            .filter(({ writer }) => isWriter(writer))
            .map(({ path, writer }) => write(path, `${writer} wrote ${path}`));
        // 0 and 1 are the agent, 2 to 8 are clients, and what is left to 9 nobody writes.
        const [agent, clients] = [by((writer) => writer < 2), by((writer) => writer >= 2 && writer < 9)];
        const rebased = rebaseState({
          base: deepFreeze(base),
          theirs: deepFreeze(applied(base, clients)),
          ours: deepFreeze(applied(base, agent)),
        });
        expect(rebased).toEqual(applied(base, [...agent, ...clients]));
        if (agent.length > 0 && clients.length > 0) written += 1;
      }),
      runs(3000),
    );
    expect(written).toBeGreaterThan(1000);
  });

  test("of an agent that writes again and again while clients do", () => {
    const turns = fc.array(fc.tuple(fc.boolean(), fc.nat()), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(writableState, turns, (first, order) => {
        const leaves = leavesOf(first).filter((path) => !path.endsWith("/id"));
        let [given, state] = [first, first];
        const all: JsonPatchOperation[] = [];
        for (const [index, [isAgent, pick]] of order.entries()) {
          const mine = leaves.filter((_, at) => (at % 2 === 0) === isAgent);
          if (mine.length === 0) continue;
          const operation = write(mine[pick % mine.length] as string, `turn ${index}`);
          all.push(operation);
          if (isAgent) {
            // The agent knows what it wrote itself, and nothing of the clients.
            const ours = applied(given, [operation]);
            state = rebaseState({ base: given, theirs: state, ours });
            given = ours;
          } else state = applied(state, [operation]);
        }
        expect(state).toEqual(applied(first, all));
      }),
      runs(1000),
    );
  });

  test("of an agent and clients that write in place and append to the same list", () => {
    const list = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 });
    const roles = fc.array(fc.constantFrom("agent", "client", "nobody"), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(list, roles, fc.nat(3), fc.nat(3), (base, writers, agentAppends, clientAppends) => {
        const by = (writer: string, appends: number): string[] => [
          ...base.map((value, index) => (writers[index] === writer ? `${writer} ${index}` : String(value))),
          ...Array.from({ length: appends }, (_, index) => `${writer} appended ${index}`),
        ];
        const [ours, theirs] = [by("agent", agentAppends), by("client", clientAppends)];
        const expected = [
          ...base.map((value, index) => {
            const writer = writers[index];
            return writer === "nobody" ? String(value) : `${writer} ${index}`;
          }),
          ...theirs.slice(base.length),
          ...ours.slice(base.length),
        ];
        expect(rebaseState({ base: base.map(String), theirs, ours })).toEqual(expected);
      }),
      runs(3000),
    );
  });

  test("of those that add and remove keys of their own", () => {
    const keys = ["a", "b", "c", "d", "__proto__", "constructor", "", "~/"];
    const object = fc.subarray(keys).map((present) => Object.fromEntries(present.map((key) => [key, 0])));
    const actions = fc.array(fc.constantFrom("agent", "client", "nobody"), { minLength: 8, maxLength: 8 });
    const toggled = (base: JsonObject, chosen: readonly string[], value: string): JsonObject =>
      Object.fromEntries(
        keys.flatMap((key): [string, Json][] => {
          if (Object.hasOwn(base, key)) return chosen.includes(key) ? [] : [[key, base[key]]];
          return chosen.includes(key) ? [[key, value]] : [];
        }),
      );
    fc.assert(
      fc.property(object, actions, (base, owners) => {
        const of = (owner: string) => keys.filter((_, index) => owners[index] === owner);
        const rebased = rebaseState({
          base,
          theirs: toggled(base, of("client"), "added"),
          ours: toggled(base, of("agent"), "added"),
        });
        expect(rebased).toEqual(toggled(base, [...of("client"), ...of("agent")], "added"));
        expect(Object.getPrototypeOf(rebased)).toBe(Object.prototype);
      }),
      runs(2000),
    );
  });
});

test.each<[string, Json, Json, Json, Json]>([
  ["on the same path the agent wins", { a: 1, b: 1 }, { a: 2, b: 2 }, { a: 3, b: 1 }, { a: 3, b: 2 }],
  ["what the agent removed is gone", { a: { b: 1 } }, { a: { b: 2 } }, {}, {}],
  ["what others removed is gone", { a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 }, { b: 2 }],
  [
    "what others removed and the agent changed is as it has it",
    { a: { b: 1, c: 1 } },
    {},
    { a: { b: 2, c: 1 } },
    { a: { b: 2, c: 1 } },
  ],
  ["another kind of value is the agent's", { a: { b: 1 } }, { a: { b: 2 } }, { a: [1] }, { a: [1] }],
  [
    "what both made has the content of both",
    {},
    { a: { x: 1, z: 1 } },
    { a: { y: 2, z: 2 } },
    { a: { x: 1, y: 2, z: 2 } },
  ],
  ["null is a value", { a: 1, b: null }, { a: null, b: null }, { a: 1, b: 1 }, { a: null, b: 1 }],
  ["a scalar root", 1, 2, 3, 3],
  ["an agent that starts with nothing", null, { a: 1 }, { b: 1 }, { a: 1, b: 1 }],
])("objects: %s", (_, base, theirs, ours, expected) => {
  expect(rebaseState({ base, theirs, ours })).toEqual(expected);
});

test.each<[string, Json, Json, Json, Json]>([
  ["in place", [1, 2, 3], [1, 2, 9], [8, 2, 3], [8, 2, 9]],
  ["the agent appends after the others", [1], [1, 2], [1, 3, 4], [1, 2, 3, 4]],
  [
    "the agent inserts in front, others append",
    ["a", "b"],
    ["a", "b", "c"],
    ["x", "a", "b"],
    ["x", "a", "b", "c"],
  ],
  ["the agent inserts, others change", ["a", "b"], ["a", "B"], ["a", "x", "b"], ["a", "x", "B"]],
  ["the agent changes, others insert", ["a", "b"], ["x", "a", "b"], ["a", "B"], ["x", "a", "B"]],
  [
    "the agent removes, others change and append",
    ["a", "b", "c"],
    ["A", "b", "c", "d"],
    ["a", "c"],
    ["A", "c", "d"],
  ],
  ["both remove", ["a", "b", "c", "d"], ["a", "c", "d"], ["a", "b", "d"], ["a", "d"]],
  ["both remove the same", ["a", "b", "c"], ["a", "c"], ["a", "c"], ["a", "c"]],
  ["the agent clears, others append", [1, 2], [1, 2, 3], [], [3]],
  ["others clear, the agent appends", [1, 2], [], [1, 2, 3], [3]],
  ["others remove what the agent changed", ["a", "b", "c"], ["a", "c"], ["a", "B", "c"], ["a", "B", "c"]],
  ["nothing aligns", [1, 2, 3], [1, 2, 3, 4], [9, 8], [9, 8, 4]],
  ["inside of elements", [{ a: 1, b: 1 }], [{ a: 2, b: 1 }], [{ a: 1, b: 2 }], [{ a: 2, b: 2 }]],
  [
    "both make a list where there was none",
    { log: null },
    { log: ["them"] },
    { log: ["us"] },
    { log: ["them", "us"] },
  ],
  [
    "in place and appended, though it looks inserted",
    ["a", "b"],
    ["a", "B"],
    ["x", "b", "b"],
    ["x", "B", "b"],
  ],
  ["in place, though it looks shifted", [..."abcdefgh"], [..."abcDefgh"], [..."cefdghxy"], [..."cefDghxy"]],
  ["both fill an empty list", { log: [] }, { log: ["them"] }, { log: ["us"] }, { log: ["them", "us"] }],
])("lists: %s", (_, base, theirs, ours, expected) => {
  expect(rebaseState({ base, theirs, ours })).toEqual(expected);
});

describe("lists of objects with ids", () => {
  const todo = (id: string, text = id, done = false) => ({ id, text, done });
  const base = [todo("1"), todo("2"), todo("3")];

  test.each<[string, Json, Json, Json]>([
    [
      "a window that slides",
      [todo("1"), todo("2", "2", true), todo("3")],
      [todo("2"), todo("3"), todo("4")],
      [todo("2", "2", true), todo("3"), todo("4")],
    ],
    [
      "the agent sorts, others edit and append",
      [todo("1"), todo("2"), todo("3", "three"), todo("4")],
      [todo("3"), todo("1", "one"), todo("2")],
      [todo("3", "three"), todo("1", "one"), todo("2"), todo("4")],
    ],
    [
      "others sort, the agent edits and appends",
      [todo("3"), todo("1"), todo("2")],
      [todo("1"), todo("2"), todo("3", "three"), todo("4")],
      [todo("3", "three"), todo("1"), todo("2"), todo("4")],
    ],
    [
      "others move what the agent removes",
      [todo("3"), todo("1"), todo("2")],
      [todo("1"), todo("2")],
      [todo("1"), todo("2")],
    ],
    [
      "the agent moves what others remove",
      [todo("1"), todo("2")],
      [todo("3"), todo("1"), todo("2")],
      [todo("1"), todo("2")],
    ],
    [
      "both move the same: where the agent has it",
      [todo("2", "two"), todo("3"), todo("1")],
      [todo("2"), todo("1"), todo("3")],
      [todo("2", "two"), todo("1"), todo("3")],
    ],
    [
      "the agent gives one another id",
      [todo("1"), todo("2", "two"), todo("3")],
      [todo("1"), todo("saved-2", "2"), todo("3")],
      [todo("1"), todo("saved-2", "two"), todo("3")],
    ],
    [
      "others replace one that the agent removes",
      [todo("1"), todo("new"), todo("3")],
      [todo("1"), todo("3")],
      [todo("1"), todo("new"), todo("3")],
    ],
  ])("%s", (_, theirs, ours, expected) => {
    expect(rebaseState({ base, theirs, ours })).toEqual(expected);
  });

  test("any two edits: nothing twice, no edit, addition or removal of anybody lost", () => {
    type Todo = ReturnType<typeof todo>;
    const base = ["1", "2", "3", "4", "5"].map((id) => todo(id));
    const idsOf = (list: readonly Todo[]) => list.map(({ id }) => id);
    /** A reordered part of the base, some of it edited in one field, with some of one's own inserted. */
    const edited = (name: string, change: (of: Todo) => Todo) =>
      fc
        .tuple(fc.shuffledSubarray(base), fc.subarray(base), fc.array(fc.nat(5), { maxLength: 3 }))
        .map(([kept, changed, added]) =>
          added.reduce<Todo[]>(
            (list, at, index) => list.toSpliced(at, 0, todo(`${name}${index}`)),
            kept.map((one) => (changed.includes(one) ? change(one) : one)),
          ),
        );
    const us = edited("us", (one) => ({ ...one, text: "ours" }));
    const them = edited("them", (one) => ({ ...one, done: true }));
    /** One that came where another went in a list of the same length: who can say whether it is the same? */
    const isRenamed = (list: readonly Todo[]) =>
      list.length === base.length &&
      base.some(({ id }, index) => !idsOf(list).includes(id) && list[index]?.id.length !== 1);
    fc.assert(
      fc.property(them, us, (theirs, ours) => {
        fc.pre(!isRenamed(theirs) && !isRenamed(ours));
        const rebased = rebaseState({ base, theirs, ours }) as Todo[];
        const ids = idsOf(rebased);
        expect(new Set(ids).size).toBe(ids.length);
        for (const one of theirs) {
          const result = rebased.find(({ id }) => id === one.id);
          if (one.id.startsWith("them")) expect(result).toEqual(one);
          else if (result !== undefined) expect(result.done).toBe(one.done);
        }
        for (const one of ours) {
          const result = rebased.find(({ id }) => id === one.id);
          if (one.id.startsWith("us") || one.text === "ours") expect(result?.text).toBe(one.text);
        }
        for (const { id, text } of rebased.filter((one) => base.some((old) => old.id === one.id))) {
          expect(idsOf(ours)).toContain(id);
          // What others removed is back only if the agent wrote in it.
          if (!idsOf(theirs).includes(id)) expect(text).toBe("ours");
        }
      }),
      runs(3000),
    );
  });
});

test("bears nesting of a thousand levels", () => {
  const at = (a: number, b: number) => nested(1000, { a, b });
  expect(rebaseState({ base: at(1, 1), theirs: at(2, 1), ours: at(1, 2) })).toEqual(at(2, 2));
});
