import { isObject } from "../json/problem.ts";
import type { Json } from "../types.ts";
import { keysOf, memberOf, setMember } from "./json-value.ts";

/**
 * Applies a JSON Merge Patch (RFC 7396) and returns the new value: objects are merged key by key, null removes
 * a key, anything else replaces what was there. The given value stays as it is.
 */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const old = isObject(target) ? target : {};
  const result = { ...old };
  for (const key of keysOf(patch)) {
    if (patch[key] === null) delete result[key];
    else setMember(result, key, mergePatch(memberOf(old, key), patch[key]));
  }
  return result;
}
