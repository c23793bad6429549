import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { type JsonPatchOperation, patchOperationFromMessage, patchOperationToMessage } from "@dragoman/agui";
import { type StatePatch, StatePatchSchema } from "@dragoman/contract/orchestrator/v1/state_service_pb";

/**
 * Turns a JSON value into a `google.protobuf.Value`, as the contract carries state, inputs and results. Throws
 * for what is no JSON, such as NaN.
 */
export function toValue(json: unknown): Value {
  return fromJson(ValueSchema, json as JsonValue);
}

/** Turns a `google.protobuf.Value` back into a JSON value; undefined if there is none. */
export function fromValue(value: Value | undefined): unknown {
  return value === undefined ? undefined : toJson(ValueSchema, value);
}

/** Turns the operations of a JSON Patch (RFC 6902) into the contract's message. Throws for an unknown one. */
export function toStatePatch(operations: readonly JsonPatchOperation[]): StatePatch {
  return create(StatePatchSchema, { operations: operations.map(patchOperationToMessage) });
}

/** Turns a patch of the contract back into the operations of a JSON Patch. */
export function fromStatePatch(patch: StatePatch): JsonPatchOperation[] {
  return patch.operations.map(patchOperationFromMessage);
}
