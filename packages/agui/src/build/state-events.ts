import jsonpatch from "fast-json-patch";
import { applyPatch } from "../reduce/json-patch.ts";
import type { AguiEvent, Json, JsonPatchOperation } from "../types.ts";

/**
 * The event that leads from one state to another: none if they are equal, STATE_DELTA if a patch says it
 * shorter than the whole, else STATE_SNAPSHOT.
 */
export function stateChange(before: Json, after: Json): AguiEvent | undefined {
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after)) {
    return before === after ? undefined : { type: "STATE_SNAPSHOT", snapshot: after };
  }
  const delta = jsonpatch.compare(before, after) as JsonPatchOperation[];
  if (delta.length === 0) return undefined;
  if (JSON.stringify(delta).length > JSON.stringify(after).length)
    return { type: "STATE_SNAPSHOT", snapshot: after };
  return applies(before, delta)
    ? { type: "STATE_DELTA", delta }
    : { type: "STATE_SNAPSHOT", snapshot: after };
}

/** Clients refuse paths through `__proto__`, which may be an ordinary key of JSON. */
function applies(document: Json, delta: readonly JsonPatchOperation[]): boolean {
  try {
    applyPatch(document, delta);
    return true;
  } catch {
    return false;
  }
}

function isContainer(value: Json): value is object {
  return typeof value === "object" && value !== null;
}
