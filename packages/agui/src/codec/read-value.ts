import type { ByteReader } from "./byte-reader.ts";
import { MalformedEventError } from "./errors.ts";
import type { OpenObject } from "./value-limits.ts";

// Tags of google.protobuf.Value, of its lists and maps, and of the entries of a map. The file that writes them
// has its own: V8 is slow with constants that come from another module, and this is the hottest loop there is.
const NULL_VALUE = 0x08;
const NUMBER_VALUE = 0x11;
const STRING_VALUE = 0x1a;
const BOOL_VALUE = 0x20;
const STRUCT_VALUE = 0x2a;
const LIST_VALUE = 0x32;
const ITEMS = 0x0a;
const KEY = 0x0a;
const ENTRY_VALUE = 0x12;

/** How deep arrays and objects may nest in bytes that are read. */
const MAX_READ_DEPTH = 100;

/**
 * Reads the fields of a google.protobuf.Value up to `end`. `prior` is what an earlier occurrence of the same
 * field held, with which objects and lists merge. Undefined if the message has no field in use.
 */
export function readValue(reader: ByteReader, end: number, prior?: unknown): unknown {
  const outer = reader.end;
  const value = valueIn(reader, reader.position, end, prior, 0);
  reader.position = end;
  reader.end = outer;
  return value;
}

/** Reads the fields of a google.protobuf.Struct up to `end` into `object`. */
export function readStruct(reader: ByteReader, end: number, object: OpenObject): OpenObject {
  const outer = reader.end;
  structIn(reader, reader.position, end, object, 0);
  reader.position = end;
  reader.end = outer;
  return object;
}

// These functions are told the range to read, which costs less than to keep the position in the reader for every
// few bytes. Its position says only where what follows a length begins.

function valueIn(reader: ByteReader, start: number, end: number, prior: unknown, depth: number): unknown {
  const { bytes } = reader;
  // Encoders write one field, and most values are short strings and numbers.
  if (bytes[start] === STRING_VALUE && isLength(bytes, start + 1, end)) {
    return reader.texts.read(bytes, start + 2, end);
  }
  if (bytes[start] === NUMBER_VALUE && end - start === 9) return reader.doubleAt(start + 1, end);
  return anyValueIn(reader, start, end, prior, depth);
}

/** Whether there is a length of one byte at this place that leads right to the end. */
function isLength(bytes: Uint8Array, at: number, end: number): boolean {
  const length = bytes[at]!;
  return length < 0x80 && at + 1 + length === end;
}

function anyValueIn(reader: ByteReader, start: number, end: number, prior: unknown, depth: number): unknown {
  let value = prior;
  let at = start;
  while (at < end) {
    const tag = reader.tagAt(at, end);
    at = reader.position;
    switch (tag) {
      case STRING_VALUE: {
        const stop = reader.lengthAt(at, end);
        value = reader.texts.read(reader.bytes, reader.position, stop);
        at = stop;
        break;
      }
      case NUMBER_VALUE:
        value = reader.doubleAt(at, end);
        at += 8;
        break;
      case STRUCT_VALUE: {
        const stop = reader.lengthAt(at, end);
        value = structIn(reader, reader.position, stop, isOpenObject(value) ? value : {}, depth);
        at = stop;
        break;
      }
      case LIST_VALUE: {
        const stop = reader.lengthAt(at, end);
        value = listIn(reader, reader.position, stop, Array.isArray(value) ? value : [], depth);
        at = stop;
        break;
      }
      case BOOL_VALUE:
      case NULL_VALUE: {
        const flag = reader.boolAt(at, end);
        value = tag === BOOL_VALUE ? flag : null;
        at = reader.position;
        break;
      }
      default:
        at = reader.skipAt(at, end, tag);
    }
  }
  return value;
}

function isOpenObject(value: unknown): value is OpenObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listIn(reader: ByteReader, start: number, end: number, list: unknown[], depth: number): unknown[] {
  if (depth >= MAX_READ_DEPTH) throw new MalformedEventError("values nested too deep");
  let at = start;
  while (at < end) {
    const tag = reader.tagAt(at, end);
    at = reader.position;
    if (tag === ITEMS) {
      const stop = reader.lengthAt(at, end);
      list.push(valueIn(reader, reader.position, stop, undefined, depth + 1) ?? null);
      at = stop;
    } else at = reader.skipAt(at, end, tag);
  }
  return list;
}

function structIn(
  reader: ByteReader,
  start: number,
  end: number,
  object: OpenObject,
  depth: number,
): OpenObject {
  if (depth >= MAX_READ_DEPTH) throw new MalformedEventError("values nested too deep");
  let at = start;
  while (at < end) {
    const tag = reader.tagAt(at, end);
    at = reader.position;
    if (tag === ITEMS) {
      const stop = reader.lengthAt(at, end);
      readEntry(reader, reader.position, stop, object, depth);
      at = stop;
    } else at = reader.skipAt(at, end, tag);
  }
  return object;
}

function readEntry(reader: ByteReader, start: number, end: number, object: OpenObject, depth: number): void {
  const { bytes } = reader;
  const keyLength = bytes[start + 1]!;
  const valueAt = start + 2 + keyLength;
  // As encoders write it: a short key, then the value.
  if (
    bytes[start] === KEY &&
    keyLength < 0x80 &&
    valueAt < end &&
    bytes[valueAt] === ENTRY_VALUE &&
    isLength(bytes, valueAt + 1, end)
  ) {
    const key = reader.keys.readNext(bytes, start + 2, valueAt);
    const value = valueIn(reader, valueAt + 2, end, undefined, depth + 1);
    if (value !== undefined) setMember(object, key, value);
  } else readAnyEntry(reader, start, end, object, depth);
}

function readAnyEntry(
  reader: ByteReader,
  start: number,
  end: number,
  object: OpenObject,
  depth: number,
): void {
  let key = "";
  let value: unknown;
  let at = start;
  while (at < end) {
    const tag = reader.tagAt(at, end);
    at = reader.position;
    if (tag === KEY) {
      const stop = reader.lengthAt(at, end);
      key = reader.keys.read(reader.bytes, reader.position, stop);
      at = stop;
    } else if (tag === ENTRY_VALUE) {
      const stop = reader.lengthAt(at, end);
      value = valueIn(reader, reader.position, stop, value, depth + 1);
      at = stop;
    } else at = reader.skipAt(at, end, tag);
  }
  if (value !== undefined) setMember(object, key, value);
}

function setMember(object: OpenObject, key: string, value: unknown): void {
  if (key.length !== 9 || key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
