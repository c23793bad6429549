import { toJson } from "@bufbuild/protobuf";
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
