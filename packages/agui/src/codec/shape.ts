/**
 * How objects of AG-UI lie in JSON and on the wire, as data. One description serves the binary codec and the
 * strict reading of JSON, so that the two cannot disagree.
 */

import { byNumber, impliedOf, type WireField, wireFields } from "./wire-fields.ts";

/** A property of an object. `number` is the field number of the protobuf message that carries it. */
export type Field =
  | StringField
  | { kind: "boolean"; name: string; number: number; required: boolean }
  | { kind: "integer"; name: string; number: number; required: boolean; minimum: number }
  | { kind: "value"; name: string; number: number; required: boolean }
  | ObjectField
  | { kind: "message"; name: string; number: number; required: boolean; shape: Shape | Union }
  | MessagesField
  | { kind: "strings"; name: string; number: number; required: boolean }
  | ContentField
  | { kind: "outcome"; name: string; number: number; required: boolean; union: Union };

/**
 * A string. `present`: the wire tells absent from empty, so an empty one is written. `values`: the only ones
 * allowed. `pointer`: it has to be a JSON Pointer.
 */
export interface StringField {
  kind: "string";
  name: string;
  number: number;
  required: boolean;
  present: boolean;
  values?: readonly string[];
  pointer?: boolean;
}

/** An open object: a Struct on the wire, or a Value where AG-UI's message says so. */
export interface ObjectField {
  kind: "object";
  name: string;
  number: number;
  required: boolean;
  asValue: boolean;
}

/** A list of objects. */
export interface MessagesField {
  kind: "messages";
  name: string;
  number: number;
  required: boolean;
  minimum: number;
  shape: Shape | Union;
}

/** Content that is text or a list of parts: two fields on the wire. */
export interface ContentField {
  kind: "content";
  name: string;
  number: number;
  partsNumber: number;
  required: boolean;
  parts: Union;
}

/** An object with described properties. */
export interface Shape {
  name: string;
  fields: readonly Field[];
  /** The names of all its properties, the tag of its union included. */
  names: ReadonlySet<string>;
  /** The fields of its protobuf message, in the order of their numbers. */
  wire: readonly WireField[];
  /** The same by number. */
  wireByNumber: readonly (WireField | undefined)[];
  /** The bits of the numbers of fields that are there even if the wire has nothing of them. */
  implied: number;
  /** The number of the oneof field that holds it, where its union is a oneof. */
  arm: number;
  /** Whether other properties are legal and to be left alone. */
  open: boolean;
}

/** One of several shapes, told apart by the property `tag`. */
export interface Union {
  name: string;
  tag: string;
  variants: ReadonlyMap<string, Shape>;
}

/** Tells a union from a shape. */
export function isUnion(described: Shape | Union): described is Union {
  return "tag" in described;
}

export const shape = (name: string, fields: readonly Field[], arm = 0, open = false): Shape => {
  const wire = wireFields(fields);
  return {
    name,
    fields,
    names: namesOf(fields),
    wire,
    wireByNumber: byNumber(wire),
    implied: impliedOf(wire),
    arm,
    open,
  };
};
/** The names of these fields, and of a tag. */
export const namesOf = (fields: readonly Field[], ...tag: string[]): ReadonlySet<string> =>
  new Set([...tag, ...fields.map((field) => field.name)]);
export const union = (name: string, tag: string, variants: Record<string, Shape>): Union => ({
  name,
  tag,
  variants: new Map(
    Object.entries(variants).map(([type, variant]) => [
      type,
      { ...variant, names: namesOf(variant.fields, tag) },
    ]),
  ),
});

export const required = (number: number, name: string, present = false): StringField => ({
  kind: "string",
  name,
  number,
  required: true,
  present,
});
export const optional = (number: number, name: string): StringField => ({
  kind: "string",
  name,
  number,
  required: false,
  present: true,
});
export const oneOf = (number: number, name: string, values: readonly string[], must = true): StringField => ({
  kind: "string",
  name,
  number,
  required: must,
  present: !must,
  values,
});
export const pointer = (number: number, name: string, present = false): StringField => ({
  ...required(number, name, present),
  pointer: true,
});
export const boolean = (number: number, name: string): Field => ({
  kind: "boolean",
  name,
  number,
  required: false,
});
export const integer = (number: number, name: string, minimum: number): Field => ({
  kind: "integer",
  name,
  number,
  required: false,
  minimum,
});
export const value = (number: number, name: string, must = false): Field => ({
  kind: "value",
  name,
  number,
  required: must,
});
export const object = (number: number, name: string, must = false, asValue = false): ObjectField => ({
  kind: "object",
  name,
  number,
  required: must,
  asValue,
});
export const message = (number: number, name: string, described: Shape | Union, must = false): Field => ({
  kind: "message",
  name,
  number,
  required: must,
  shape: described,
});
export const messages = (
  number: number,
  name: string,
  described: Shape | Union,
  must = false,
  minimum = 0,
): MessagesField => ({ kind: "messages", name, number, required: must, minimum, shape: described });
export const strings = (number: number, name: string): Field => ({
  kind: "strings",
  name,
  number,
  required: false,
});
