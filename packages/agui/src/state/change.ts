import { MAX_VALUE_DEPTH } from "../codec/value-limits.ts";
import {
  applyPatch,
  isDeeperThan,
  lighten,
  maxCopiedWeight,
  PatchError,
  reasonOf,
} from "../reduce/json-patch.ts";
import type { Json, JsonPatchOperation } from "../types.ts";
import { checkOperation } from "./check-operation.ts";
import { mergePatch } from "./merge-patch.ts";
import { quoteShortly } from "./pointer.ts";

/** How a client asks for another state. */
export type StateChange =
  /** A JSON Patch (RFC 6902): all of its operations, or none. */
  | { readonly kind: "patch"; readonly operations: readonly JsonPatchOperation[] }
  /** A JSON Merge Patch (RFC 7396). */
  | { readonly kind: "merge"; readonly patch: Json }
  /** The new state itself. */
  | { readonly kind: "replace"; readonly value: Json };

/**
 * How much a state may weigh after a change: its characters, plus one for every value in it. What is heavier
 * fits into no snapshot.
 */
export const maxStateWeight = maxCopiedWeight;

/** A change of a state cannot be applied. The state is as it was. */
export class StateChangeError extends Error {
  override readonly name = "StateChangeError";
  /** What could not be changed, as a JSON Pointer (RFC 6901). Empty for the whole state. */
  readonly path: string;
  /** Which operation of a patch it is. Undefined if it is none in particular. */
  readonly operationIndex: number | undefined;
  /** The limit that the state would go beyond: how much it weighs, or how deep it nests. */
  readonly limit: "stateWeightMax" | "stateDepthMax" | undefined;

  constructor(message: string, path = "", operationIndex?: number, limit?: StateChangeError["limit"]) {
    super(message);
    this.path = path;
    this.operationIndex = operationIndex;
    this.limit = limit;
  }
}

/**
 * Applies a change to a state and returns the new one. Neither is changed in place; they share what is the same
 * in both. Throws {@link StateChangeError} if a patch does not apply (nothing at a path, a failed test, an index
 * out of range …), or if the new state would nest deeper than events may or weigh more than
 * {@link maxStateWeight}. A state that is too heavy already may still become lighter.
 */
export function applyChange(state: Json, change: StateChange): Json {
  const next = changed(state, change);
  if (lighten(next, maxStateWeight) < 0 && weightOf(next) > weightOf(state)) {
    const message = `The state would weigh more than ${maxStateWeight}: keep less in it`;
    throw new StateChangeError(message, "", undefined, "stateWeightMax");
  }
  return next;
}

function changed(state: Json, change: StateChange): Json {
  switch (change.kind) {
    case "patch":
      return patched(state, change.operations);
    case "merge":
      // Every object of a merge patch becomes one of the state, so its depth is a depth of the result.
      checkDepth(change.patch);
      return mergePatch(state, change.patch);
    case "replace":
      checkDepth(change.value);
      return change.value;
  }
}

function patched(state: Json, operations: readonly JsonPatchOperation[]): Json {
  if (!Array.isArray(operations)) throw new StateChangeError("A patch has to be a list of operations");
  operations.forEach((operation: JsonPatchOperation | null, index) => {
    // Before the patch is applied, as that takes a stack as deep as what it is given.
    if (operation !== null && "value" in Object(operation)) {
      checkDepth((operation as { value?: Json }).value, operation, index);
    }
  });
  try {
    return applyPatch(state, operations, checkOperation);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    throw refused(operations[error.operationIndex], error.operationIndex, reasonOf(error));
  }
}

function checkDepth(value: Json, operation?: JsonPatchOperation, index?: number): void {
  if (!isDeeperThan(value, MAX_VALUE_DEPTH)) return;
  const problem = `The state would nest more than ${MAX_VALUE_DEPTH} deep`;
  throw index === undefined
    ? new StateChangeError(problem, "", undefined, "stateDepthMax")
    : refused(operation, index, problem, "stateDepthMax");
}

function refused(
  operation: JsonPatchOperation | undefined,
  index: number,
  reason: string,
  limit?: StateChangeError["limit"],
): StateChangeError {
  const path = typeof operation?.path === "string" ? operation.path : "";
  const message = `Operation ${index} at ${quoteShortly(path)} does not apply, and no other was applied: ${reason}`;
  return new StateChangeError(message, path, index, limit);
}

function weightOf(value: Json): number {
  return Number.MAX_SAFE_INTEGER - lighten(value, Number.MAX_SAFE_INTEGER);
}
