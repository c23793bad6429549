import { type JsonPatchOperation, parsePointer } from "@dragoman/agui";
import {
  JsonPatchOperationType,
  type JsonPatchOperation as OperationMessage,
} from "@dragoman/contract/agui/v1/state_event_pb";
import { EngineError } from "@dragoman/engine";
import { readValue } from "./read-value.ts";

const { ADD, COPY, MOVE, REMOVE, REPLACE, TEST } = JsonPatchOperationType;

/** Reads the operations of a patch. Throws INVALID_REQUEST for one that is not well formed. */
export function readPatch(messages: readonly OperationMessage[]): JsonPatchOperation[] {
  return messages.map((message, index) => {
    const name = `operation ${index} of the patch`;
    const path = pointerOf(message.path, `the path of ${name}`);
    const value = () => {
      if (message.value) return readValue(message.value, `the value of ${name}`);
      throw malformed(`${name} needs a value; null is one`);
    };
    const from = () => {
      if (message.from !== undefined) return pointerOf(message.from, `the place that ${name} takes from`);
      throw malformed(`${name} needs the place to take from`);
    };
    switch (message.op) {
      case ADD:
        return { op: "add", path, value: value() };
      case REMOVE:
        return { op: "remove", path };
      case REPLACE:
        return { op: "replace", path, value: value() };
      case MOVE:
        return { op: "move", from: from(), path };
      case COPY:
        return { op: "copy", from: from(), path };
      case TEST:
        return { op: "test", path, value: value() };
      default:
        throw malformed(`${name} is of a kind that JSON Patch does not have`);
    }
  });
}

function pointerOf(text: string, name: string): string {
  try {
    parsePointer(text);
    return text;
  } catch (error) {
    throw malformed(`${name} is not valid: ${error instanceof Error ? error.message : "it cannot be read"}`);
  }
}

function malformed(message: string): EngineError {
  return new EngineError("INVALID_REQUEST", message);
}
