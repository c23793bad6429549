import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import { MESSAGE, PATCH_OPERATION, PATCH_OPERATIONS } from "./entity-shapes.ts";
import { isUnion, type Shape, type StringField, type Union } from "./shape.ts";
import type { WireField } from "./wire-fields.ts";
import { writeStruct, writeValue } from "./write-value.ts";

/** An object whose properties are not checked yet. */
export type Loose = { readonly [name: string]: unknown };

const JSON_POINTER = /^(\/([^/~]|~[01])*)*$/;
const OPERATION_NUMBERS: ReadonlyMap<unknown, number> = new Map(
  PATCH_OPERATIONS.map((name, number) => [name, number]),
);
/** Which member an operation cannot do without, beside its path; by number. */
const OPERATION_NEEDS = ["value", undefined, "value", "from", "from", "value"] as const;

/** Whether it is a JSON Pointer (RFC 6901). */
export function isPointer(text: string): boolean {
  if (text === "") return true;
  return text.charCodeAt(0) === 0x2f && (!text.includes("~") || JSON_POINTER.test(text));
}

function unencodable(): never {
  throw new UnencodableError();
}

function looseObject(value: unknown): Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Loose)
    : unencodable();
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : unencodable();
}

/**
 * Writes the properties of an object as the fields of its protobuf message. Absent, undefined and null are one
 * for properties that are optional. Throws UnencodableError where one is missing or of the wrong type.
 */
export function writeFields(writer: ByteWriter, fields: readonly WireField[], object: Loose): void {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    writeField(writer, field, object[field.name]);
  }
}

/** Like writeFields, for fields that are all strings. */
export function writeStrings(writer: ByteWriter, fields: readonly StringField[], object: Loose): void {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    writeString(writer, field, object[field.name]);
  }
}

function writeField(writer: ByteWriter, field: WireField, value: unknown): void {
  switch (field.kind) {
    case "string":
      writeString(writer, field, value);
      return;
    case "text":
      if (typeof value === "string") writer.taggedString(lengthTag(field.number), value);
      else if (!Array.isArray(value)) unencodable();
      return;
    case "parts":
      if (Array.isArray(value)) writeMessages(writer, field.number, field.shape, value);
      return;
    case "member":
      writeOutcomeMember(writer, field, value);
      return;
    case "value":
      if (value !== undefined && (value !== null || field.required)) {
        writeNestedValue(writer, field.number, value);
      } else if (field.required) unencodable();
      return;
    default:
      if (value !== undefined && value !== null) writePresent(writer, field, value);
      else if (field.kind !== "variant" && field.required) unencodable();
  }
}

type PresentField = Exclude<WireField, { kind: "string" | "text" | "parts" | "member" | "value" }>;

function writePresent(writer: ByteWriter, field: PresentField, value: unknown): void {
  switch (field.kind) {
    case "boolean":
      if (typeof value !== "boolean") unencodable();
      writer.twoBytes(field.number * 8, value ? 1 : 0);
      return;
    case "integer":
      if (!Number.isSafeInteger(value) || (value as number) < field.minimum) unencodable();
      writer.byte(field.number * 8);
      writer.int64(value as number);
      return;
    case "object":
      if (field.asValue) writeNestedValue(writer, field.number, looseObject(value));
      else writeNestedStruct(writer, field.number, looseObject(value));
      return;
    case "message":
      writeMessage(writer, field.number, field.shape, value);
      return;
    case "messages":
      if (list(value).length < field.minimum) unencodable();
      writeMessages(writer, field.number, field.shape, list(value));
      return;
    case "strings":
      for (const text of list(value)) writeText(writer, field.number, text);
      return;
    case "variant": {
      const { type } = looseObject(value);
      if (!field.union.variants.has(type as string)) unencodable();
      writeText(writer, field.number, type);
    }
  }
}

/** The tag of a length-delimited field, one byte: no field of AG-UI's messages but those of Event is above 15. */
const lengthTag = (number: number): number => number * 8 + 2;

function writeString(writer: ByteWriter, field: StringField, value: unknown): void {
  if (typeof value !== "string") {
    if (field.required || (value !== undefined && value !== null)) unencodable();
    return;
  }
  if (field.values !== undefined && !field.values.includes(value)) unencodable();
  if (field.pointer && !isPointer(value)) unencodable();
  if (value !== "" || field.present) writer.taggedString(lengthTag(field.number), value);
}

function writeText(writer: ByteWriter, number: number, value: unknown): void {
  if (typeof value !== "string") unencodable();
  writer.taggedString(lengthTag(number), value);
}

function writeNestedValue(writer: ByteWriter, number: number, value: unknown): void {
  const at = writer.beginTagged(lengthTag(number));
  writeValue(writer, value);
  writer.endLength(at);
}

function writeNestedStruct(writer: ByteWriter, number: number, value: Loose): void {
  const at = writer.beginTagged(lengthTag(number));
  writeStruct(writer, value);
  writer.endLength(at);
}

function writeOutcomeMember(
  writer: ByteWriter,
  field: Extract<WireField, { kind: "member" }>,
  outcome: unknown,
): void {
  if (outcome === undefined || outcome === null) return;
  const object = looseObject(outcome);
  if (object.type === field.variant) writeField(writer, field.field, object[field.field.name]);
}

function writeMessages(
  writer: ByteWriter,
  number: number,
  described: Shape | Union,
  items: readonly unknown[],
): void {
  for (const item of items) writeMessage(writer, number, described, item);
}

function writeMessage(writer: ByteWriter, number: number, described: Shape | Union, value: unknown): void {
  const object = looseObject(value);
  const at = writer.beginTagged(lengthTag(number));
  writeBody(writer, described, object);
  writer.endLength(at);
}

/** Writes what a message of this shape holds, without tag and length. */
export function writeBody(writer: ByteWriter, described: Shape | Union, object: Loose): void {
  if (!isUnion(described)) {
    writeFields(writer, described.wire, object);
    return;
  }
  if (described === PATCH_OPERATION) {
    writeOperation(writer, object);
    return;
  }
  const variant = described.variants.get(object[described.tag] as string) ?? unencodable();
  if (described === MESSAGE) {
    writeRole(writer, variant, object);
    return;
  }
  const at = writer.beginTagged(lengthTag(variant.arm));
  writeFields(writer, variant.wire, object);
  writer.endLength(at);
}

/** The role of a message is its second field, after its id. */
function writeRole(writer: ByteWriter, role: Shape, object: Loose): void {
  for (const field of role.wire) {
    writeField(writer, field, object[field.name]);
    if (field.number === 1) writeText(writer, 2, object.role);
  }
}

/** Operations are open: members that an operation does not define travel too, where the wire has a field. */
function writeOperation(writer: ByteWriter, { op, path, from, value }: Loose): void {
  const number = OPERATION_NUMBERS.get(op) ?? unencodable();
  const needs = OPERATION_NEEDS[number]!;
  if (typeof path !== "string" || !isPointer(path)) unencodable();
  if (needs === "from" && !(typeof from === "string" && isPointer(from))) unencodable();
  if (needs === "value" && value === undefined) unencodable();
  if (number !== 0) writer.twoBytes(8, number);
  if (path !== "") writer.taggedString(lengthTag(2), path);
  if (typeof from === "string") writer.taggedString(lengthTag(3), from);
  if (value !== undefined) writeNestedValue(writer, 4, value);
}
