import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import {
  BOOL_VALUE,
  ENTRY_VALUE,
  ITEMS,
  KEY,
  LIST_VALUE,
  MAX_VALUE_DEPTH,
  NULL_VALUE,
  NUMBER_VALUE,
  type OpenObject,
  STRING_VALUE,
  STRUCT_VALUE,
} from "./value-wire.ts";

const { hasOwnProperty: hasOwn } = Object.prototype;

/**
 * Writes the fields of a google.protobuf.Value. Like JSON.stringify: numbers that are not finite become null,
 * `toJSON` is honoured, members that are undefined or functions are left out. Throws UnencodableError for a
 * bigint and for what nests too deep.
 */
export function writeValue(writer: ByteWriter, value: unknown): void {
  writer.position = valueAt(writer, writer.position, value, 0);
}

/** Writes the fields of a google.protobuf.Struct. Like writeValue. */
export function writeStruct(writer: ByteWriter, object: OpenObject): void {
  const plain = withoutToJson(object);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) throw new UnencodableError();
  writer.position = structAt(writer, writer.position, plain as OpenObject, 0);
}

// These functions take the place to write to and return the place after, which costs less than to keep it in the
// writer for every few bytes.

function valueAt(writer: ByteWriter, at: number, value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return writer.stringAt(at, STRING_VALUE, value);
    case "number":
      if (!Number.isFinite(value)) break;
      return writer.doubleAt(at, NUMBER_VALUE, value);
    case "boolean":
      return writer.pairAt(at, BOOL_VALUE, value ? 1 : 0);
    case "object":
      if (value === null) break;
      return containerAt(writer, at, value, depth);
    case "bigint":
      throw new UnencodableError();
  }
  return writer.pairAt(at, NULL_VALUE, 0);
}

function containerAt(writer: ByteWriter, at: number, value: object, depth: number): number {
  if (Array.isArray(value)) {
    const start = writer.pairAt(at, LIST_VALUE, 0);
    return writer.closeAt(at + 1, listAt(writer, start, value, depth));
  }
  const plain = withoutToJson(value);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    return valueAt(writer, at, plain, depth);
  }
  const start = writer.pairAt(at, STRUCT_VALUE, 0);
  return writer.closeAt(at + 1, structAt(writer, start, plain as OpenObject, depth));
}

/** What JSON.stringify takes in place of an object. */
function withoutToJson(value: object): unknown {
  return "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value;
}

function listAt(writer: ByteWriter, at: number, list: readonly unknown[], depth: number): number {
  if (depth >= MAX_VALUE_DEPTH) throw new UnencodableError();
  let position = at;
  for (let i = 0; i < list.length; i++) {
    const start = writer.pairAt(position, ITEMS, 0);
    position = writer.closeAt(position + 1, valueAt(writer, start, list[i], depth + 1));
  }
  return position;
}

function structAt(writer: ByteWriter, at: number, object: OpenObject, depth: number): number {
  if (depth >= MAX_VALUE_DEPTH) throw new UnencodableError();
  let position = at;
  // V8 reads members in a for-in loop several times faster than by the keys of Object.keys.
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue;
    const value = object[key];
    if (value === undefined || typeof value === "function" || typeof value === "symbol") continue;
    const entry = position + 1;
    position = writer.pairAt(position, ITEMS, 0);
    if (key !== "") position = writer.stringAt(position, KEY, key);
    const start = writer.pairAt(position, ENTRY_VALUE, 0);
    position = writer.closeAt(position + 1, valueAt(writer, start, value, depth + 1));
    position = writer.closeAt(entry, position);
  }
  return position;
}
