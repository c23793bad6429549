import type { Json, JsonPatchOperation } from "../types.ts";
import { isListIndex, keysIn, parsePointer, valueAt } from "./pointer.ts";

/**
 * The parts of a state that JSON Pointers (RFC 6901) name, by those pointers as they were given. A pointer with
 * nothing there is left out. Throws `InvalidPointerError` for what is no pointer.
 */
export function selectState(state: Json, pointers: readonly string[]): { [pointer: string]: Json } {
  const found = pointers.flatMap((pointer): [string, Json][] => {
    const value = valueAt(state, parsePointer(pointer));
    return value === undefined ? [] : [[pointer, value]];
  });
  return Object.fromEntries(found);
}

/**
 * Whether a patch may have changed what one of the pointers names: it changed that, or something inside it, or
 * what contains it, or what it names has shifted in its list. It never misses a change; it may see one where a
 * key that looks like an index belongs to an object, or where the value was written again as it was. Throws
 * `InvalidPointerError` for a pointer that is none.
 */
export function pointersChanged(patch: readonly JsonPatchOperation[], pointers: readonly string[]): boolean {
  const watched = pointers.map(parsePointer);
  return patch.some((operation) =>
    changesOf(operation).some((change) => watched.some((keys) => touches(change, keys))),
  );
}

interface PlaceChange {
  readonly keys: readonly string[];
  /** Whether something came or went there, which shifts what follows in a list. */
  readonly shifts: boolean;
}

/** `test` changes nothing, and neither does `copy` where it copies from. */
function changesOf(operation: JsonPatchOperation): PlaceChange[] {
  if (operation.op === "test") return [];
  const target = { keys: keysIn(operation.path), shifts: operation.op !== "replace" };
  return operation.op === "move" ? [{ keys: keysIn(operation.from), shifts: true }, target] : [target];
}

function touches({ keys, shifts }: PlaceChange, watched: readonly string[]): boolean {
  const shared = Math.min(keys.length, watched.length);
  let same = 0;
  while (same < shared && keys[same] === watched[same]) same += 1;
  if (same === shared) return true;
  return shifts && same === keys.length - 1 && mayShift(keys[same] ?? "", watched[same] ?? "");
}

/** Whether an element that came or went at one index changes what another one names. */
function mayShift(changed: string, watched: string): boolean {
  if (!isListIndex(watched)) return false;
  return changed === "-" || (isListIndex(changed) && Number(changed) <= Number(watched));
}
