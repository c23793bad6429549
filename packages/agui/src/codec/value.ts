import { ByteReader, FIXED64, LENGTH, VARINT } from "./byte-reader.ts";
import { ByteWriter, UnencodableError } from "./byte-writer.ts";
import { InvalidEventError, MalformedEventError } from "./errors.ts";

/**
 * How deep arrays and objects may nest in a value that AG-UI leaves open. A level of JSON costs up to three
 * levels of google.protobuf.Value, and protobuf runtimes of other languages stop at a hundred.
 */
export const MAX_VALUE_DEPTH = 30;
/** How deep they may nest in bytes that are read. */
const MAX_READ_DEPTH = 100;

const NULL_VALUE = 8 * 1 + VARINT;
const NUMBER_VALUE = 8 * 2 + FIXED64;
const STRING_VALUE = 8 * 3 + LENGTH;
const BOOL_VALUE = 8 * 4 + VARINT;
const STRUCT_VALUE = 8 * 5 + LENGTH;
const LIST_VALUE = 8 * 6 + LENGTH;
/** The only field of Struct (its map) and of ListValue. */
const ITEMS = 8 * 1 + LENGTH;
const KEY = 8 * 1 + LENGTH;
const ENTRY_VALUE = 8 * 2 + LENGTH;

type OpenObject = { [key: string]: unknown };

const { hasOwnProperty: hasOwn } = Object.prototype;

/**
 * Writes the fields of a google.protobuf.Value. Like JSON.stringify: numbers that are not finite become null,
 * `toJSON` is honoured, members that are undefined or functions are left out.
 */
export function writeValue(writer: ByteWriter, value: unknown, depth = 0): void {
  switch (typeof value) {
    case "string":
      writer.taggedString(STRING_VALUE, value);
      return;
    case "number":
      if (!Number.isFinite(value)) break;
      writer.taggedDouble(NUMBER_VALUE, value);
      return;
    case "boolean":
      writer.twoBytes(BOOL_VALUE, value ? 1 : 0);
      return;
    case "object":
      if (value === null) break;
      writeContainer(writer, value, depth);
      return;
    case "bigint":
      throw new UnencodableError();
  }
  writer.twoBytes(NULL_VALUE, 0);
}

function writeContainer(writer: ByteWriter, value: object, depth: number): void {
  if (Array.isArray(value)) {
    const at = writer.beginTagged(LIST_VALUE);
    writeList(writer, value, depth);
    writer.endLength(at);
    return;
  }
  const plain = withoutToJson(value);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    writeValue(writer, plain, depth);
    return;
  }
  const at = writer.beginTagged(STRUCT_VALUE);
  writeStruct(writer, plain as OpenObject, depth);
  writer.endLength(at);
}

/** What JSON.stringify would take in place of the object. */
function withoutToJson(value: object): unknown {
  return "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value;
}

function writeList(writer: ByteWriter, list: readonly unknown[], depth: number): void {
  if (depth >= MAX_VALUE_DEPTH) throw new UnencodableError();
  for (let i = 0; i < list.length; i++) {
    const at = writer.beginTagged(ITEMS);
    writeValue(writer, list[i], depth + 1);
    writer.endLength(at);
  }
}

/** Writes the fields of a google.protobuf.Struct. */
export function writeStruct(writer: ByteWriter, object: OpenObject, depth = 0): void {
  if (depth >= MAX_VALUE_DEPTH) throw new UnencodableError();
  // V8 reads members in a for-in loop several times faster than by the keys of Object.keys.
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue;
    const value = object[key];
    if (value === undefined || typeof value === "function" || typeof value === "symbol") continue;
    const entry = writer.beginTagged(ITEMS);
    if (key !== "") writer.taggedString(KEY, key);
    const at = writer.beginTagged(ENTRY_VALUE);
    writeValue(writer, value, depth + 1);
    writer.endLength(at);
    writer.endLength(entry);
  }
}

/**
 * Reads the fields of a google.protobuf.Value up to `end`. `prior` is what an earlier occurrence of the same
 * field held, with which objects and lists merge. Undefined if the message has no field in use.
 */
export function readValue(reader: ByteReader, end: number, prior?: unknown, depth = 0): unknown {
  let value = prior;
  const outer = reader.end;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case NULL_VALUE:
        reader.int32();
        value = null;
        break;
      case NUMBER_VALUE:
        value = reader.double();
        break;
      case STRING_VALUE:
        value = reader.string();
        break;
      case BOOL_VALUE:
        value = reader.bool();
        break;
      case STRUCT_VALUE:
        value = readStruct(reader, reader.lengthEnd(), isOpenObject(value) ? value : {}, depth);
        break;
      case LIST_VALUE:
        value = readList(reader, reader.lengthEnd(), Array.isArray(value) ? value : [], depth);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outer;
  return value;
}

function isOpenObject(value: unknown): value is OpenObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readList(reader: ByteReader, end: number, list: unknown[], depth: number): unknown[] {
  if (depth >= MAX_READ_DEPTH) throw new MalformedEventError("values nested too deep");
  const outer = reader.end;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    if (tag === ITEMS) list.push(readValue(reader, reader.lengthEnd(), undefined, depth + 1) ?? null);
    else reader.skip(tag);
  }
  reader.end = outer;
  return list;
}

/** Reads the fields of a google.protobuf.Struct up to `end` into `object`. */
export function readStruct(reader: ByteReader, end: number, object: OpenObject, depth = 0): OpenObject {
  if (depth >= MAX_READ_DEPTH) throw new MalformedEventError("values nested too deep");
  const outer = reader.end;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    if (tag === ITEMS) readEntry(reader, reader.lengthEnd(), object, depth);
    else reader.skip(tag);
  }
  reader.end = outer;
  return object;
}

function readEntry(reader: ByteReader, end: number, object: OpenObject, depth: number): void {
  const outer = reader.end;
  reader.end = end;
  let key = "";
  let value: unknown;
  while (reader.position < end) {
    const tag = reader.tag();
    if (tag === KEY) key = reader.string();
    else if (tag === ENTRY_VALUE) value = readValue(reader, reader.lengthEnd(), value, depth + 1);
    else reader.skip(tag);
  }
  reader.end = outer;
  if (value !== undefined) setMember(object, key, value);
}

function setMember(object: OpenObject, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * Encodes any JSON value as a google.protobuf.Value. Like JSON.stringify, numbers that are not finite become
 * null. Throws InvalidEventError for what JSON does not have (bigint) and for what nests deeper than
 * MAX_VALUE_DEPTH.
 */
export function encodeValue(value: unknown): Uint8Array {
  const writer = new ByteWriter();
  try {
    writeValue(writer, value);
  } catch (error) {
    if (!(error instanceof UnencodableError)) throw error;
    throw new InvalidEventError("", `is no JSON value or nested deeper than ${MAX_VALUE_DEPTH}`);
  }
  return writer.take();
}

/** Decodes a google.protobuf.Value; an empty one is null. Throws MalformedEventError. */
export function decodeValue(bytes: Uint8Array, start = 0, end = bytes.length): unknown {
  const reader = new ByteReader();
  reader.reset(bytes, start, end);
  return readValue(reader, end) ?? null;
}
