import { type ByteReader, LENGTH, VARINT } from "./byte-reader.ts";
import { CONTENT_PART, MESSAGE, PATCH_OPERATION, PATCH_OPERATIONS } from "./entity-shapes.ts";
import { MalformedEventError } from "./errors.ts";
import { readStruct, readValue } from "./read-value.ts";
import { isUnion, type Shape, type Union } from "./shape.ts";
import type { WireField } from "./wire-fields.ts";

/** An object that is being read. */
export type Draft = { [name: string]: unknown };

const isVarint = (field: WireField): boolean => field.kind === "boolean" || field.kind === "integer";

/**
 * Reads the fields of a message up to `end` into an object. Returns which of them it has, as the bits of
 * `bitOf`. The caller adds what the wire leaves out, see `addDefaults`.
 */
export function readFields(
  reader: ByteReader,
  end: number,
  table: readonly (WireField | undefined)[],
  draft: Draft,
): number {
  const outer = reader.end;
  let seen = 0;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    seen |= bitOf(tag);
    readField(reader, table[tag >>> 3], tag, draft);
  }
  reader.end = outer;
  return seen;
}

/** The bit of the field that a tag is for, if it is one that may be implied. */
export const bitOf = (tag: number): number => ((tag & 7) === LENGTH && tag < 0x100 ? 1 << (tag >>> 3) : 0);

/** Reads one field into an object, or skips it if it is not described or of another wire type. */
export function readField(reader: ByteReader, field: WireField | undefined, tag: number, draft: Draft): void {
  if (field === undefined || (tag & 7) !== (isVarint(field) ? VARINT : LENGTH)) reader.skip(tag);
  else readKnownField(reader, field, draft);
}

function readKnownField(reader: ByteReader, field: WireField, draft: Draft): void {
  const { name } = field;
  switch (field.kind) {
    case "string":
      draft[name] = reader.string();
      return;
    case "boolean":
      draft[name] = reader.bool();
      return;
    case "integer":
      draft[name] = reader.int64();
      return;
    case "value":
      setPresent(draft, name, readValue(reader, reader.lengthEnd(), draft[name]));
      return;
    case "object":
      readObject(reader, field.asValue, name, draft);
      return;
    case "message":
      draft[name] = readMessage(reader, field.shape, draft[name] as Draft | undefined);
      return;
    case "messages":
      readItem(reader, name, field.shape, draft);
      return;
    case "strings":
      push(draft, name, reader.string());
      return;
    case "text":
      if (Array.isArray(draft[name])) throw new MalformedEventError("content both as text and in parts");
      draft[name] = reader.string();
      return;
    case "parts":
      if (typeof draft[name] === "string") throw new MalformedEventError("content both as text and in parts");
      readItem(reader, name, field.shape, draft);
      return;
    case "variant":
      outcomeOf(draft, name).type = reader.string();
      return;
    case "member":
      readKnownField(reader, field.field, outcomeOf(draft, name));
  }
}

function setPresent(draft: Draft, name: string, value: unknown): void {
  if (value !== undefined) draft[name] = value;
}

function outcomeOf(draft: Draft, name: string): Draft {
  draft[name] ??= { type: "" };
  return draft[name] as Draft;
}

function push(draft: Draft, name: string, item: unknown): void {
  const items = draft[name];
  if (Array.isArray(items)) items.push(item);
  else draft[name] = [item];
}

function readObject(reader: ByteReader, asValue: boolean, name: string, draft: Draft): void {
  const end = reader.lengthEnd();
  if (asValue) setPresent(draft, name, readValue(reader, end, draft[name]));
  else draft[name] = readStruct(reader, end, (draft[name] as Draft | undefined) ?? {});
}

/** Reads an item of a list. Parts of a kind that is not known here are left out, as AG-UI's reader does. */
function readItem(reader: ByteReader, name: string, described: Shape | Union, draft: Draft): void {
  const item = readMessage(reader, described, undefined);
  if (item !== undefined) push(draft, name, item);
  else draft[name] ??= [];
}

function readMessage(
  reader: ByteReader,
  described: Shape | Union,
  prior: Draft | undefined,
): Draft | undefined {
  const end = reader.lengthEnd();
  if (!isUnion(described)) {
    return readShape(reader, end, described, prior ?? {});
  }
  if (described === PATCH_OPERATION) return readOperation(reader, end);
  if (described === MESSAGE) return readChatMessage(reader, end);
  return readArms(reader, end, described, prior);
}

/** Reads an object of this shape. */
export function readShape(reader: ByteReader, end: number, described: Shape, draft: Draft): Draft {
  const seen = readFields(reader, end, described.wireByNumber, draft);
  if ((described.implied & ~seen) !== 0) addDefaults(described, draft);
  return draft;
}

/** Adds what the wire leaves out: text without presence that is empty, and lists without items. */
export function addDefaults(described: Shape, draft: Draft): void {
  for (const { name, kind, number } of described.wire) {
    if ((described.implied & (1 << number)) !== 0) draft[name] ??= kind === "string" ? "" : [];
  }
}

/** Reads a oneof of messages, whose field in use says which variant it is. */
function readArms(
  reader: ByteReader,
  end: number,
  described: Union,
  prior: Draft | undefined,
): Draft | undefined {
  let draft = prior;
  const outer = reader.end;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    const variant = (tag & 7) === LENGTH ? variantByArm(described, tag >>> 3) : undefined;
    if (variant === undefined) {
      reader.skip(tag);
      continue;
    }
    const [type, armShape] = variant;
    if (draft !== undefined && draft.type !== type) throw new MalformedEventError("a part of two kinds");
    draft ??= { type };
    readShape(reader, reader.lengthEnd(), armShape, draft);
  }
  reader.end = outer;
  return hasUnknownSource(draft) ? undefined : draft;
}

/** A part whose source is of a kind that is not known here is of no use. */
const hasUnknownSource = (draft: Draft | undefined): boolean =>
  draft !== undefined && "source" in draft && draft.source === undefined;

function variantByArm(described: Union, arm: number): [string, Shape] | undefined {
  for (const variant of described.variants) if (variant[1].arm === arm) return variant;
  return undefined;
}

const OPERATION_FIELDS: readonly (WireField | undefined)[] = [
  undefined,
  undefined,
  { kind: "string", name: "path", number: 2, required: true, present: false },
  { kind: "string", name: "from", number: 3, required: false, present: true },
  { kind: "value", name: "value", number: 4, required: false },
];
const OPERATION_TAG = 8;

export function readOperation(reader: ByteReader, end: number): Draft {
  const draft: Draft = { op: PATCH_OPERATIONS[0], path: "" };
  const outer = reader.end;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    if (tag === OPERATION_TAG) draft.op = operationName(reader.int32());
    else readField(reader, OPERATION_FIELDS[tag >>> 3], tag, draft);
  }
  reader.end = outer;
  return draft;
}

/** An operation of a later version keeps its number, which no reader takes for an operation. */
const operationName = (number: number): string => PATCH_OPERATIONS[number] ?? String(number);

/** Names of the forms of content while a message is read; the role, which may come later, says which is right. */
const PARTS = "contentParts";
const ACTIVITY = "activityContent";
const PARTS_NUMBER = 8;
const ACTIVITY_NUMBER = 13;
const ROLES_WITH_PARTS: ReadonlySet<unknown> = new Set(["user", "tool"]);

/** The fields of agui.v1.Message, which are those of all roles. */
const MESSAGE_FIELDS: readonly (WireField | undefined)[] = messageFields();

function messageFields(): (WireField | undefined)[] {
  const table: (WireField | undefined)[] = [];
  for (const role of MESSAGE.variants.values()) {
    for (const field of role.wire) table[field.number] = field;
  }
  table[2] = { kind: "string", name: "role", number: 2, required: true, present: false };
  table[3] = { kind: "string", name: "content", number: 3, required: false, present: true };
  table[PARTS_NUMBER] = { kind: "parts", name: PARTS, number: PARTS_NUMBER, shape: CONTENT_PART };
  table[ACTIVITY_NUMBER] = {
    kind: "object",
    name: ACTIVITY,
    number: ACTIVITY_NUMBER,
    required: false,
    asValue: false,
  };
  return table;
}

/**
 * Reads an agui.v1.Message. A role that is not known here is kept, for whoever enforces the vocabulary to
 * name and drop it.
 */
export function readChatMessage(reader: ByteReader, end: number): Draft {
  const draft: Draft = { id: "", role: "" };
  readFields(reader, end, MESSAGE_FIELDS, draft);
  const parts = draft[PARTS];
  const activity = draft[ACTIVITY];
  if (parts === undefined && activity === undefined) {
    if (draft.content === undefined && ROLES_WITH_PARTS.has(draft.role)) draft.content = [];
    return draft;
  }
  const forms = [draft.content, parts, activity].filter((form) => form !== undefined);
  if (forms.length > 1 || !isFormOf(draft.role, parts !== undefined)) {
    throw new MalformedEventError("a message whose content does not fit its role");
  }
  const { [PARTS]: _parts, [ACTIVITY]: _activity, ...message } = draft;
  return { ...message, content: forms[0] };
}

/** Whether a role that is known has this form of content: parts, or else an activity's object. */
function isFormOf(role: unknown, parts: boolean): boolean {
  if (!MESSAGE.variants.has(role as string)) return true;
  return parts ? ROLES_WITH_PARTS.has(role) : role === "activity";
}
