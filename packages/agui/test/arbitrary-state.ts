import fc from "fast-check";
import type { Json, JsonObject } from "../src/types.ts";

/** Keys that mean something to prototypes, pointers, lists or encodings, besides plain ones. */
const key = fc.constantFrom(
  "a",
  "b",
  "c",
  "id",
  "",
  "~",
  "/",
  "~1",
  "a/b",
  "0",
  "1",
  "-",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "length",
  "é",
  "e\u0301",
  "\u{1f642}",
  "\u2028",
);

const scalar = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom<Json[]>(
    null,
    true,
    false,
    -0,
    0,
    1e300,
    5e-324,
    0.1,
    "",
    "x",
    "0",
    "~",
    "\u{1f642}",
    "\ud800",
  ),
);

const fromEntries = (entries: [string, Json][]): Json => Object.fromEntries(entries);

/** Any JSON, with little in it that differs, so that lists repeat themselves. */
export const anyState: fc.Arbitrary<Json> = fc.letrec<{ json: Json; list: Json; object: Json }>((tie) => ({
  json: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, tie("list"), tie("object")),
  list: fc.oneof(
    fc.array(tie("json"), { maxLength: 6 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 8 }), { maxLength: 8 }),
    fc
      .uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 6 })
      .chain((ids) => fc.tuple(...ids.map((id) => tie("json").map((rest) => ({ id, rest }))))),
  ),
  object: fc.array(fc.tuple(key, tie("json")), { maxLength: 5 }).map(fromEntries),
})).json;

const edit = fc.record({
  steps: fc.array(fc.nat(), { maxLength: 5 }),
  action: fc.constantFrom("set", "insert", "remove", "move", "rename"),
  key,
  value: anyState,
});

/** A value and what a few edits made of it. */
export const editedState: fc.Arbitrary<[Json, Json]> = fc
  .tuple(anyState, fc.array(edit, { maxLength: 5 }))
  .map(([before, edits]) => [before, edits.reduce(editedAt, before)]);

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function editedAt(value: Json, { steps: [step, ...steps], ...change }: Edit): Json {
  if (step === undefined || typeof value !== "object" || value === null) return changed(value, change, 0);
  const entries = Object.entries(value);
  if (entries.length === 0 || step % 4 === 0) return changed(value, change, step);
  const index = step % entries.length;
  const inner = editedAt(entries[index]?.[1], { steps, ...change });
  if (Array.isArray(value)) return value.with(index, inner);
  return fromEntries(entries.map(([name, old], at) => [name, at === index ? inner : old]));
}

function changed(value: Json, change: Omit<Edit, "steps">, step: number): Json {
  if (Array.isArray(value)) return changedList(value, change, step);
  if (typeof value !== "object" || value === null) return change.value;
  const entries = Object.entries(value);
  const index = entries.length === 0 ? 0 : step % entries.length;
  if (change.action === "remove") return fromEntries(entries.toSpliced(index, 1));
  if (change.action !== "rename" || entries.length === 0) {
    return fromEntries([...entries, [change.key, change.value]]);
  }
  return fromEntries(entries.map(([name, old], at) => [at === index ? change.key : name, old]));
}

function changedList(list: Json[], { action, value }: Omit<Edit, "steps">, step: number): Json[] {
  const index = list.length === 0 ? 0 : step % list.length;
  if (action === "insert" || list.length === 0) return list.toSpliced(index, 0, value);
  if (action === "remove") return list.toSpliced(index, 1);
  if (action === "move") return [...list.toSpliced(index, 1), list[index]];
  return list.with(index, value);
}

/** The value, frozen through and through, so that whoever changes it fails. */
export function deepFreeze<T extends Json>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value as JsonObject)) deepFreeze(inner);
  }
  return value;
}

/** The value inside so many objects and lists, in turns. */
export function nested(levels: number, innermost: Json): Json {
  let value = innermost;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}
