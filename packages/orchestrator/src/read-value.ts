import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Json } from "@dragoman/agui";
import { EngineError } from "@dragoman/engine";

/**
 * Reads a value of a request. Throws INVALID_REQUEST for one that is not JSON: a number that is not finite, or a
 * `google.protobuf.Value` with nothing set. `name` says which field it is.
 */
export function readValue(value: Value, name: string): Json {
  try {
    return toJson(ValueSchema, value) as Json;
  } catch {
    throw new EngineError(
      "INVALID_REQUEST",
      `${name} is not a JSON value: numbers have to be finite, and every value has to be set`,
    );
  }
}

/**
 * Reads an object of a request. Throws INVALID_REQUEST for one with a number that is not finite: JSON has none, so
 * nobody could read it back. `name` says which field it is.
 */
export function readStruct(value: JsonObject, name: string): JsonObject {
  if (hasOnlyFinite(value)) return value;
  throw new EngineError("INVALID_REQUEST", `${name} is not a JSON object: numbers have to be finite`);
}

function hasOnlyFinite(value: Json | undefined): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value !== "object" || value === null || Object.values(value).every(hasOnlyFinite);
}
