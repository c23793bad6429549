import jsonpatch, { type Operation } from "fast-json-patch";
import { MAX_VALUE_DEPTH } from "../codec/value-limits.ts";
import type { Json, JsonPatchOperation } from "../types.ts";

/**
 * How much a document may weigh after a `copy`: its characters, plus one for every value in it. A few bytes of
 * `copy` can double a document, so forty of them would make 2^40 of it; what is larger than this would fit into
 * no snapshot.
 */
export const maxCopiedWeight = 4 * 1024 * 1024;

/** A patch does not apply. The message gives the reason, without the document. */
export class PatchError extends Error {
  override readonly name = "PatchError";
  /** Which of its operations does not. */
  readonly operationIndex: number;
  /** Whether it would apply, but make a document that no event can show: AG-UI's clients go on with that. */
  readonly isUnshowable: boolean;

  constructor(operationIndex: number, reason: string, isUnshowable = false) {
    super(reason);
    this.operationIndex = operationIndex;
    this.isUnshowable = isUnshowable;
  }
}

/** What a patch makes cannot be shown by a snapshot. */
export class UnshowableError extends Error {}

/**
 * Applies a JSON Patch (RFC 6902) and returns the new document. The given one stays as it is, whether the patch
 * succeeds or not: only the containers on the way to a change are copied, everything else is shared. So a
 * document may be handed out as a snapshot, and the cost of a patch follows the width of what it touches, not
 * the size of the document. Operations are taken one after the other.
 *
 * Throws a {@link PatchError} if any operation does not apply, if it would nest the document deeper than events
 * may be, and if a `copy` would make it heavier than {@link maxCopiedWeight}.
 *
 * @param check looks at each operation before it is applied, with the document that it would be applied to. What
 *   it throws is the reason why the patch does not apply. Default: what AG-UI's clients accept is accepted.
 */
export function applyPatch(
  document: Json,
  patch: readonly JsonPatchOperation[],
  check?: (document: Json, operation: JsonPatchOperation) => void,
): Json {
  const copied = new Set<object>();
  let current = document;
  let budget: number | undefined;
  patch.forEach((operation, index) => {
    try {
      check?.(current, operation);
      if (movesIntoItself(operation)) throw new Error("Cannot move a value into itself");
      if (operation.op === "copy") {
        // Weighed once in a patch: all else that it adds is written out in it.
        budget = payForCopy(current, operation.from, budget ?? lighten(current, maxCopiedWeight));
      }
      current = applyOperation(current, operation, copied);
    } catch (error) {
      throw new PatchError(index, reasonOf(error), error instanceof UnshowableError);
    }
  });
  return current;
}

function applyOperation(document: Json, operation: JsonPatchOperation, copied: Set<object>): Json {
  let current = document;
  const steps = operation.op === "move" ? stepsOfMove(current, operation) : [operation];
  for (const step of steps) {
    if (step.op !== "test" && typeof step.path === "string") current = copyWayTo(current, step.path, copied);
    // As in the library, the steps of a move are not checked any further: stock clients accept the same.
    const isChecked = step === operation;
    current = jsonpatch.applyOperation(current, step as Operation, isChecked, true, true).newDocument;
  }
  // The library lets a move or copy from nowhere to the root pass.
  if (current === undefined) throw new Error("Cannot perform the operation from a path that does not exist");
  checkShowable(current, operation);
  return current;
}

/**
 * Whether an operation moves a value into what it moves. RFC 6902 forbids it; the library does not, and makes a
 * circular document on which stock clients fail later.
 */
export function movesIntoItself(operation: JsonPatchOperation): boolean {
  return operation.op === "move" && operation.path.startsWith(`${operation.from}/`);
}

/** A move as RFC 6902 describes it, so that it shares what it moves; the library would copy the document. */
function stepsOfMove(document: Json, move: JsonPatchOperation & { op: "move" }): JsonPatchOperation[] {
  if (typeof move.from !== "string" || typeof move.path !== "string" || move.path === "") return [move];
  const value: Json | undefined = jsonpatch.getValueByPointer(document, move.from);
  if (value === undefined) return [move]; // for the library to refuse
  checkTarget(document, move.path);
  return [
    { op: "remove", path: move.from },
    { op: "add", path: move.path, value },
  ];
}

/** What the library checks of a move's target, before anything is moved. */
function checkTarget(document: Json, path: string): void {
  const keys = path.split("/").slice(1).map(jsonpatch.unescapePathComponent);
  const last = keys.pop() ?? "";
  let parent: Json | undefined = document;
  for (const key of keys) {
    parent =
      parent !== undefined && isContainer(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
  }
  const isPlace = parent !== undefined && isContainer(parent);
  if (!isPlace || (Array.isArray(parent) && !/^(-|\d+)$/.test(last))) {
    throw new Error("Cannot move to a path that does not exist");
  }
}

/** Events cannot show a document that is nested deeper; only what the operation put there can have made it so. */
function checkShowable(document: Json, operation: JsonPatchOperation): void {
  if (operation.op === "remove" || operation.op === "test") return;
  const keys = operation.path.split("/").slice(1).map(jsonpatch.unescapePathComponent);
  let value: Json | undefined = document;
  for (const [index, key] of keys.entries()) {
    if (Array.isArray(value) && key === "-" && index === keys.length - 1) value = value.at(-1);
    else if (value !== undefined && isContainer(value)) value = value[key];
  }
  // The library takes from `/toString` what every object of JavaScript has, and so do stock clients.
  if (typeof value === "function") throw new UnshowableError("Cannot take what is no value of JSON");
  if (keys.length === 0) return;
  if (value !== undefined && isDeeperThan(value, MAX_VALUE_DEPTH - keys.length)) {
    throw new UnshowableError(`Cannot nest the document more than ${MAX_VALUE_DEPTH} deep`);
  }
}

/** Whether arrays and objects nest deeper in a value than so many levels. */
export function isDeeperThan(value: Json, levels: number): boolean {
  if (!isContainer(value)) return false;
  if (levels <= 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** Takes what a copy adds off a budget and returns the rest. */
function payForCopy(document: Json, from: string, budget: number): number {
  const value: Json | undefined = budget < 0 ? undefined : jsonpatch.getValueByPointer(document, from);
  const rest = value === undefined ? budget : lighten(value, budget);
  if (rest < 0) {
    throw new UnshowableError(
      `Cannot copy: the document would weigh more than ${maxCopiedWeight} (maxCopiedWeight)`,
    );
  }
  return rest;
}

/** Takes the weight of a value off a budget, and stops once that is used up: the rest is negative then. */
export function lighten(value: Json, budget: number): number {
  let rest = budget - 1;
  if (typeof value === "string") return rest - value.length;
  if (!isContainer(value)) return rest;
  for (const key of Object.keys(value)) {
    if (rest < 0) break;
    if (!Array.isArray(value)) rest -= key.length;
    rest = lighten(value[key] as Json, rest);
  }
  return rest;
}

/** Copies the containers from the root to the parent of what the pointer names, those not copied already. */
function copyWayTo(root: Json, pointer: string, copied: Set<object>): Json {
  if (!isContainer(root) || pointer === "") return root;
  const keys = pointer.split("/").slice(1, -1);
  const newRoot = ownCopy(root, copied);
  let container = newRoot;
  for (const escaped of keys) {
    const key = jsonpatch.unescapePathComponent(escaped);
    // What leads nowhere is left for the library to refuse; a `__proto__` of one's own is refused by it too.
    if (key === "__proto__" || !Object.hasOwn(container, key)) break;
    const child = container[key];
    if (!isContainer(child)) break;
    const copy = ownCopy(child, copied);
    container[key] = copy;
    container = copy;
  }
  return newRoot;
}

type Container = { [key: string]: Json };

function isContainer(value: Json): value is Container {
  return typeof value === "object" && value !== null;
}

function ownCopy(container: Container, copied: Set<object>): Container {
  if (copied.has(container)) return container;
  const copy = (Array.isArray(container) ? container.slice() : { ...container }) as Container;
  copied.add(copy);
  return copy;
}

/** The rule that a patch breaks which did not apply. */
export function ruleOf(error: unknown): "patch_not_applicable" | "patch_result_unshowable" {
  const isUnshowable =
    error instanceof UnshowableError || (error instanceof PatchError && error.isUnshowable);
  return isUnshowable ? "patch_result_unshowable" : "patch_not_applicable";
}

/** Why a patch did not apply, without the document that the library appends to its messages. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
}
