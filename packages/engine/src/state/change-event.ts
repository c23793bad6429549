import type {
  Json,
  JsonPatchOperation,
  StateChange,
  StateDeltaEvent,
  StateSnapshotEvent,
} from "@dragoman/agui";

/**
 * The event that tells readers of a change: what changed, or the whole where it was replaced or became another
 * kind of value.
 */
export function changeEvent(
  change: StateChange,
  state: Json,
  patch: readonly JsonPatchOperation[],
): StateSnapshotEvent | StateDeltaEvent {
  const isWhole = change.kind === "replace" || patch.some(({ path }) => path === "");
  return isWhole ? { type: "STATE_SNAPSHOT", snapshot: state } : { type: "STATE_DELTA", delta: [...patch] };
}
