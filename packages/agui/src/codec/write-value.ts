import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import { MAX_VALUE_DEPTH, type OpenObject } from "./value-limits.ts";

// Tags of google.protobuf.Value, of its lists and maps, and of the entries of a map. The file that reads them has
// its own: V8 is slow with constants that come from another module, and this is the hottest loop there is.
const NULL_VALUE = 0x08;
const NUMBER_VALUE = 0x11;
const STRING_VALUE = 0x1a;
const BOOL_VALUE = 0x20;
const STRUCT_VALUE = 0x2a;
const LIST_VALUE = 0x32;
const ITEMS = 0x0a;
const MAX_DEPTH = MAX_VALUE_DEPTH;

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
  const plain = hasToJson(object) ? object.toJSON() : object;
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
    case "object": {
      if (value === null) break;
      if (Array.isArray(value)) {
        writer.pairAt(at, LIST_VALUE, 0);
        return writer.closeAt(at + 1, listAt(writer, at + 2, value, depth));
      }
      if (hasToJson(value)) return convertedAt(writer, at, value.toJSON(), depth);
      writer.pairAt(at, STRUCT_VALUE, 0);
      return writer.closeAt(at + 1, structAt(writer, at + 2, value as OpenObject, depth));
    }
    case "bigint":
      throw new UnencodableError();
  }
  return writer.pairAt(at, NULL_VALUE, 0);
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}

/** Writes what toJSON gave, which is not asked for its toJSON again. */
function convertedAt(writer: ByteWriter, at: number, value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return valueAt(writer, at, value, depth);
  }
  writer.pairAt(at, STRUCT_VALUE, 0);
  return writer.closeAt(at + 1, structAt(writer, at + 2, value as OpenObject, depth));
}

function listAt(writer: ByteWriter, at: number, list: readonly unknown[], depth: number): number {
  if (depth >= MAX_DEPTH) throw new UnencodableError();
  let position = at;
  for (let i = 0; i < list.length; i++) {
    writer.pairAt(position, ITEMS, 0);
    position = writer.closeAt(position + 1, valueAt(writer, position + 2, list[i], depth + 1));
  }
  return position;
}

function structAt(writer: ByteWriter, at: number, object: OpenObject, depth: number): number {
  if (depth >= MAX_DEPTH) throw new UnencodableError();
  let position = at;
  // V8 reads members in a for-in loop several times faster than by the keys of Object.keys.
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue;
    const value = object[key];
    if (value === undefined || typeof value === "function" || typeof value === "symbol") continue;
    const start = writer.entryAt(position, key);
    position = writer.closeEntryAt(position, start, valueAt(writer, start, value, depth + 1));
  }
  return position;
}
