import type { ContentField, Field, MessagesField, ObjectField, StringField, Union } from "./shape.ts";

type Plain = Exclude<Field, { kind: "content" | "outcome" | "string" | "object" | "messages" }>;

/** A field of a protobuf message and where its value is in the JSON form. */
export type WireField =
  | Plain
  | StringField
  | ObjectField
  | MessagesField
  /** Content, if it is a string. */
  | { kind: "text"; name: string; number: number; parts: Union }
  /** Content, if it is a list. */
  | { kind: "parts"; name: string; number: number; shape: Union }
  /** The type of an outcome, a string. */
  | { kind: "variant"; name: string; number: number; union: Union }
  /** A member of an outcome of the type `variant`. */
  | { kind: "member"; name: string; number: number; variant: string; field: WireField };

function wireForms(field: Field): WireField[] {
  if (field.kind === "content") return contentForms(field);
  if (field.kind !== "outcome") return [field];
  const forms: WireField[] = [
    { kind: "variant", name: field.name, number: field.number, union: field.union },
  ];
  for (const [variant, described] of field.union.variants) {
    for (const member of described.fields.flatMap(wireForms)) {
      forms.push({ kind: "member", name: field.name, number: member.number, variant, field: member });
    }
  }
  return forms;
}

function contentForms(field: ContentField): WireField[] {
  return [
    { kind: "text", name: field.name, number: field.number, parts: field.parts },
    { kind: "parts", name: field.name, number: field.partsNumber, shape: field.parts },
  ];
}

/** The fields of the protobuf message that carries these properties, in the order of their numbers. */
export function wireFields(fields: readonly Field[]): readonly WireField[] {
  return fields.flatMap(wireForms).sort((a, b) => a.number - b.number);
}

/** The same by number. */
export function byNumber(fields: readonly WireField[]): readonly (WireField | undefined)[] {
  const table: (WireField | undefined)[] = [];
  for (const field of fields) table[field.number] = field;
  return table;
}

/** The bits of the numbers of fields that the wire leaves out when they are empty: text and required lists. */
export function impliedOf(fields: readonly WireField[]): number {
  let bits = 0;
  for (const field of fields) {
    const isText = field.kind === "string" && !field.present;
    const isList = field.kind === "messages" && field.required;
    if (isText || isList) bits |= 1 << field.number;
  }
  return bits;
}
