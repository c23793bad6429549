import { isObject } from "../json/problem.ts";
import type { Json, JsonObject, JsonPatchOperation } from "../types.ts";
import { alignLists, nowhere } from "./align-lists.ts";
import { keysOf, memberOf, sameValue } from "./json-value.ts";
import { pointerTo } from "./pointer.ts";

/**
 * The JSON Patch (RFC 6902; add, replace and remove) that turns one JSON value into another, exactly. Empty if,
 * and only if, they are the same. Small where little has changed: objects are compared by key, lists by what
 * was inserted, removed, or changed in place. The values in it are those of `after`, not copies.
 *
 * Every client applies it: no path leads through `__proto__` or `constructor/prototype`, which the common
 * library refuses; what is around such a key is replaced instead.
 */
export function diffState(before: Json, after: Json): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  diffValues(before, after, { path: "", key: "" }, operations);
  return operations;
}

interface Place {
  readonly path: string;
  /** The last key of the path. */
  readonly key: string;
}

function diffValues(before: Json, after: Json, place: Place, operations: JsonPatchOperation[]): void {
  if (Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) diffLists(before, after, place, operations);
  else if (isObject(before) && isObject(after)) diffObjects(before, after, place, operations);
  else operations.push({ op: "replace", path: place.path, value: after });
}

function diffObjects(
  before: JsonObject,
  after: JsonObject,
  place: Place,
  operations: JsonPatchOperation[],
): void {
  if (hasUnreachableChange(before, after, place) || hasNothingInCommon(before, after)) {
    operations.push({ op: "replace", path: place.path, value: after });
    return;
  }
  for (const key of keysOf(before)) {
    if (memberOf(after, key) === undefined)
      operations.push({ op: "remove", path: pointerTo(place.path, key) });
  }
  for (const key of keysOf(after)) {
    const path = pointerTo(place.path, key);
    const old = memberOf(before, key);
    if (old === undefined) operations.push({ op: "add", path, value: after[key] });
    else diffValues(old, after[key], { path, key }, operations);
  }
}

/** Whether a member differs that no patch may name. */
function hasUnreachableChange(before: JsonObject, after: JsonObject, { key }: Place): boolean {
  const differs = (name: string) => !sameValue(memberOf(before, name), memberOf(after, name));
  return differs("__proto__") || (key === "constructor" && differs("prototype"));
}

/** Whether there is something in both, and none of it under the same key: then the whole is shorter. */
function hasNothingInCommon(before: JsonObject, after: JsonObject): boolean {
  const keys = keysOf(before);
  return (
    keys.length > 0 && keysOf(after).length > 0 && keys.every((key) => memberOf(after, key) === undefined)
  );
}

/** From the end to the front, so that the indices of what is still to be changed stay as they were. */
function diffLists(
  first: readonly Json[],
  second: readonly Json[],
  { path }: Place,
  operations: JsonPatchOperation[],
): void {
  const { head, tail } = sharedEnds(first, second);
  const before = first.slice(head, first.length - tail);
  const after = second.slice(head, second.length - tail);
  const pathTo = (index: number) => pointerTo(path, head + index);
  const { partners, moved } = alignLists(before, after, { keepsPlaces: false });
  let end = after.length;
  for (let index = before.length - 1; index >= -1; index--) {
    const partner = moved.has(index) ? nowhere : (partners[index] ?? nowhere);
    if (index >= 0 && partner === nowhere) {
      operations.push({ op: "remove", path: pathTo(index) });
      continue;
    }
    for (let added = partner + 1; added < end; added++) {
      operations.push({ op: "add", path: pathTo(index + added - partner), value: after[added] });
    }
    end = partner;
    if (index < 0) break;
    const place = { path: pathTo(index), key: String(head + index) };
    diffValues(before[index], after[partner], place, operations);
  }
}

/** How many elements at both ends are the very same: versions of a state share what did not change. */
function sharedEnds(first: readonly Json[], second: readonly Json[]): { head: number; tail: number } {
  const shorter = Math.min(first.length, second.length);
  let head = 0;
  while (head < shorter && Object.is(first[head], second[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && Object.is(first.at(-1 - tail), second.at(-1 - tail))) tail += 1;
  return { head, tail };
}
