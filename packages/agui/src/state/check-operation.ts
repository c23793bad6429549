import { isObject } from "../json/problem.ts";
import type { Json, JsonPatchOperation } from "../types.ts";
import { isListIndex, parsePointer, pointerTo, quoteShortly, valueAt } from "./pointer.ts";

/**
 * Checks an operation as RFC 6902 has it, where the library that AG-UI's clients apply patches with is lenient:
 * it looks into texts and into what every object of JavaScript has, drops what is added to a text or a number,
 * and reads "01" as an index. Throws an Error that says what does not fit.
 */
export function checkOperation(document: Json, operation: JsonPatchOperation): void {
  // What is no operation at all is for the library to refuse.
  if (typeof operation?.path !== "string") return;
  const keys = parsePointer(operation.path);
  switch (operation.op) {
    case "move":
    case "copy": {
      if (typeof operation.from !== "string") return;
      const from = parsePointer(operation.from);
      assertFound(document, from);
      const leaves = operation.op === "move" && isSamePlace(from.slice(0, -1), keys.slice(0, -1));
      assertPlace(document, keys, leaves ? 1 : 0);
      break;
    }
    case "add":
      assertPlace(document, keys, 0);
      break;
    default:
      assertFound(document, keys);
  }
}

function assertFound(document: Json, keys: readonly string[]): void {
  if (valueAt(document, keys) === undefined) throw new Error(`There is nothing at ${describe(keys)}`);
}

/** Throws unless something can be put there; `leaving` elements of the same list go first. */
function assertPlace(document: Json, keys: readonly string[], leaving: number): void {
  const last = keys.at(-1);
  if (last === undefined) return;
  const parent = valueAt(document, keys.slice(0, -1));
  if (Array.isArray(parent)) {
    if (last === "-" || (isListIndex(last) && Number(last) <= parent.length - leaving)) return;
    throw new Error(`A list of ${parent.length} has no place ${quoteShortly(last)}`);
  }
  if (!isObject(parent)) throw new Error(`There is no list or object at ${describe(keys.slice(0, -1))}`);
}

function isSamePlace(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index]);
}

function describe(keys: readonly string[]): string {
  return quoteShortly(keys.reduce<string>(pointerTo, ""));
}
