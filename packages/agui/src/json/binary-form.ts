import { decodeEvent, encodeEvent } from "../codec/binary.ts";
import type { AguiEvent } from "../types.ts";
import { parseEvent } from "./parse-event.ts";
import { isObject } from "./problem.ts";

/**
 * Whether an event in JSON form survives the binary form: it is read without warning, and what a reader of the
 * binary form sees is the same JSON. For streams that are passed on unverified, exactly as given.
 */
export function hasBinaryForm(value: unknown): boolean {
  const event = cleanEvent(value);
  return event !== undefined && sameJson(afterBinary(event), value);
}

function cleanEvent(value: unknown): AguiEvent | undefined {
  try {
    const { event, warnings } = parseEvent(value);
    return warnings.length === 0 ? event : undefined;
  } catch {
    return undefined;
  }
}

function afterBinary(event: AguiEvent): unknown {
  try {
    return decodeEvent(encodeEvent(event));
  } catch {
    return undefined;
  }
}

/** Whether two JSON values are the same, whatever the order of their keys. */
function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}
