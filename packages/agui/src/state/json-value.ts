import { isObject } from "../json/problem.ts";
import type { Json, JsonObject } from "../types.ts";

/** The keys of an object. A member that is undefined has no place in JSON and counts as absent. */
export function keysOf(object: JsonObject): string[] {
  return Object.keys(object).filter((key) => object[key] !== undefined);
}

/** An object's own member, whatever its prototype has under the same name. Undefined if there is none. */
export function memberOf(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a member. `__proto__` is a key of JSON like any other and never reaches a prototype. */
export function setMember(object: JsonObject, key: string, value: Json): void {
  if (key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * Whether two JSON values are the same, whatever the order of their keys. Exact to the sign of a zero, which
 * the binary form carries.
 */
export function sameValue(a: Json, b: Json): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return sameLists(a, b);
  return isObject(a) && isObject(b) && sameObjects(a, b);
}

function sameLists(a: readonly Json[], b: readonly Json[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!sameValue(a[index], b[index])) return false;
  return true;
}

function sameObjects(a: JsonObject, b: JsonObject): boolean {
  const keys = keysOf(a);
  if (keys.length !== keysOf(b).length) return false;
  for (const key of keys) if (!Object.hasOwn(b, key) || !sameValue(a[key], b[key])) return false;
  return true;
}
