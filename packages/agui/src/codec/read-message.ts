import type { ByteReader } from "./byte-reader.ts";
import { CONTENT_PART, MESSAGE } from "./entity-shapes.ts";
import { MalformedEventError } from "./errors.ts";
import { type Draft, readFields } from "./read-fields.ts";
import type { WireField } from "./wire-fields.ts";

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
