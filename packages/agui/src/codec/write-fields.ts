import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import { MESSAGE, PATCH_OPERATION, PATCH_OPERATIONS } from "./entity-shapes.ts";
import { isUnion, type Shape, type StringField, type Union } from "./shape.ts";
import { writeStruct, writeValue } from "./value.ts";
import type { WireField } from "./wire-fields.ts";

/** An object whose properties are not checked yet. */
export type Loose = { readonly [name: string]: unknown };

const JSON_POINTER = /^(\/([^/~]|~[01])*)*$/;
const OPERATION_NUMBERS: ReadonlyMap<unknown, number> = new Map(
  PATCH_OPERATIONS.map((name, number) => [name, number]),
);

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

function writeField(writer: ByteWriter, field: WireField, value: unknown): void {
  switch (field.kind) {
    case "string":
      writeString(writer, field, value);
      return;
    case "text":
      if (typeof value === "string") writeText(writer, field.number, value);
      else if (!Array.isArray(value)) unencodable();
      return;
    case "parts":
      if (Array.isArray(value)) writeMessages(writer, field.number, field.shape, value);
      return;
    case "member":
      writeOutcomeMember(writer, field, value);
      return;
    case "value":
      if (value === undefined || (value === null && !field.required)) {
        if (field.required) unencodable();
        return;
      }
      writeNested(writer, field.number, () => writeValue(writer, value));
      return;
  }
  if (value === undefined || value === null) {
    if (field.kind !== "variant" && field.required) unencodable();
    return;
  }
  writePresent(writer, field, value);
}

type PresentField = Exclude<WireField, { kind: "string" | "text" | "parts" | "member" | "value" }>;

function writePresent(writer: ByteWriter, field: PresentField, value: unknown): void {
  switch (field.kind) {
    case "boolean":
      if (typeof value !== "boolean") unencodable();
      writer.varint(field.number * 8);
      writer.varint(value ? 1 : 0);
      return;
    case "integer":
      if (!Number.isSafeInteger(value) || (value as number) < field.minimum) unencodable();
      writer.varint(field.number * 8);
      writer.int64(value as number);
      return;
    case "object": {
      const object = looseObject(value);
      const write = field.asValue ? writeValue : writeStruct;
      writeNested(writer, field.number, () => write(writer, object));
      return;
    }
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

function writeString(writer: ByteWriter, field: StringField, value: unknown): void {
  if (value === undefined || value === null) {
    if (field.required) unencodable();
    return;
  }
  if (field.values !== undefined && !field.values.includes(value as string)) unencodable();
  if (field.pointer && !(typeof value === "string" && isPointer(value))) unencodable();
  if (value === "" && !field.present) return;
  writeText(writer, field.number, value);
}

function writeText(writer: ByteWriter, number: number, value: unknown): void {
  writer.lengthTag(number);
  writer.string(value);
}

function writeNested(writer: ByteWriter, number: number, write: () => void): void {
  writer.lengthTag(number);
  const at = writer.beginLength();
  write();
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
  writeNested(writer, number, () => writeBody(writer, described, object));
}

/** Writes what a message of this shape holds, without tag and length. */
export function writeBody(writer: ByteWriter, described: Shape | Union, object: Loose): void {
  if (!isUnion(described)) {
    writeFields(writer, described.wire, object);
    return;
  }
  const tag = object[described.tag];
  const variant = described.variants.get(tag as string) ?? unencodable();
  if (described === PATCH_OPERATION) writeOperation(writer, variant, object);
  else if (described === MESSAGE) writeRole(writer, variant, object);
  else writeNested(writer, variant.arm, () => writeFields(writer, variant.wire, object));
}

/** The role of a message is its second field, and its id the first. */
function writeRole(writer: ByteWriter, role: Shape, object: Loose): void {
  for (const field of role.wire) {
    writeField(writer, field, object[field.name]);
    if (field.number === 1) writeText(writer, 2, object.role);
  }
}

/** Operations are open: members that an operation does not define travel too, where the wire has a field. */
function writeOperation(writer: ByteWriter, operation: Shape, object: Loose): void {
  const number = OPERATION_NUMBERS.get(object.op) ?? unencodable();
  if (number !== 0) {
    writer.varint(8);
    writer.varint(number);
  }
  writeFields(writer, operation.wire, object);
  const { from, value } = object;
  if (operation.wireByNumber[3] === undefined && typeof from === "string") writeText(writer, 3, from);
  if (operation.wireByNumber[4] === undefined && value !== undefined) {
    writeNested(writer, 4, () => writeValue(writer, value));
  }
}
