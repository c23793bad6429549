import { EventSchema, MessageSchema, RunAgentInputSchema } from "@ag-ui/core/schemas";
import fc from "fast-check";
import { z } from "zod/v4";
import type { AguiEvent, Message, RunAgentInput } from "../src/types.ts";

/**
 * Events, messages and inputs made from AG-UI's own schema, so that tests do not depend on what this package
 * believes the fields to be.
 */

/** As much of JSON Schema as AG-UI's schema uses. */
interface Schema {
  type?: string;
  const?: string;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  minItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
}

const schemaOf = (schema: unknown): Schema =>
  z.toJSONSchema(schema as z.ZodType, { unrepresentable: "any", io: "input" }) as Schema;

const LONG_TEXT =
  "A longer text, of more than one hundred and twenty-seven bytes – so that its length takes two bytes. ".repeat(
    3,
  );
const TEXTS = ["some text", "", 'żółw 🐢 \u0000\n"\\\u2028', LONG_TEXT];
const OBJECTS = [{ key: "value" }, {}, { "": 0, nested: { list: [null, [], {}] }, long: LONG_TEXT }];
const VALUES = [
  ...OBJECTS,
  "text",
  "",
  0,
  -1.5,
  2 ** 53,
  1e300,
  true,
  false,
  [],
  [1, "two", null, [[]], { a: { b: { c: [] } } }],
];
/** Properties of AG-UI that are open objects; the schema cannot say so. */
const OPEN_OBJECTS = new Set(["metadata", "responseSchema", "content"]);
/** Values that may be null. */
const NULLABLE = new Set(["snapshot", "value", "event"]);

/** Values that a schema allows: each kind of each property, once with as little and once with as much as possible around it. */
function variants(schema: Schema, name: string): unknown[] {
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum !== undefined) return schema.enum;
  const options = schema.oneOf ?? schema.anyOf;
  if (options !== undefined) return options.flatMap((option) => variants(option, name));
  switch (schema.type) {
    case "object":
      return objects(schema);
    case "array":
      return lists(schema);
    case "string":
      return schema.pattern === undefined ? TEXTS : ["/a~0b/0/~1", "", "/-"];
    case "integer":
      return [
        1,
        0,
        127,
        128,
        1_760_000_000_000,
        Number.MAX_SAFE_INTEGER,
        ...(schema.minimum === 0 ? [] : [-1, -1e12]),
      ];
    case "boolean":
      return [true, false];
    case "null":
      return [];
  }
  if (OPEN_OBJECTS.has(name)) return OBJECTS;
  return NULLABLE.has(name) ? [...VALUES, null] : VALUES;
}

function lists(schema: Schema): unknown[] {
  const items = variants(schema.items ?? {}, "item");
  const all = [items, items.slice(0, 1)];
  return (schema.minItems ?? 0) > 0 ? all : [...all, []];
}

function objects(schema: Schema): unknown[] {
  const properties = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required);
  const first = (entries: [string, Schema][]): Record<string, unknown> =>
    Object.fromEntries(entries.map(([name, property]) => [name, variants(property, name)[0]]));
  const least = first(properties.filter(([name]) => required.has(name)));
  const most = first(properties);
  const cases: unknown[] = [least, most];
  for (const [name, property] of properties) {
    for (const value of variants(property, name)) cases.push({ ...least, [name]: value });
    if (required.has(name)) continue;
    const { [name]: _left, ...rest } = most;
    cases.push(rest);
  }
  return cases;
}

/** Events of all types, each property present and absent and of every kind. */
export const eventCases = (): AguiEvent[] => variants(schemaOf(EventSchema), "") as AguiEvent[];
/** Messages of all roles, likewise. */
export const messageCases = (): Message[] => variants(schemaOf(MessageSchema), "") as Message[];
/** Inputs, likewise. */
export const inputCases = (): RunAgentInput[] =>
  variants(schemaOf(RunAgentInputSchema), "") as RunAgentInput[];

const text = fc.string({ unit: "grapheme", maxLength: 60 });
const pointer = fc
  .array(fc.string({ maxLength: 4 }), { maxLength: 3 })
  .map((steps) =>
    steps.map((step) => `/${step.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
  );
/** JSON text has no negative zero. */
const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: "grapheme" })
  .map((value): unknown => JSON.parse(JSON.stringify(value)));
const openObject = fc.dictionary(text, json, { maxKeys: 4 });

/** Any value that a schema allows. */
function arbitrary(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = (schema.oneOf ?? schema.anyOf)?.filter(({ type }) => type !== "null");
  if (options !== undefined) return fc.oneof(...options.map((option) => arbitrary(option, name)));
  switch (schema.type) {
    case "object":
      return arbitraryObject(schema);
    case "array":
      return fc.array(arbitrary(schema.items ?? {}, "item"), {
        minLength: schema.minItems ?? 0,
        maxLength: 4,
      });
    case "string":
      return schema.pattern === undefined ? text : pointer;
    case "integer":
      return schema.minimum === 0 ? fc.maxSafeNat() : fc.maxSafeInteger();
    case "boolean":
      return fc.boolean();
  }
  if (OPEN_OBJECTS.has(name)) return openObject;
  return NULLABLE.has(name) ? json : json.filter((value) => value !== null);
}

function arbitraryObject(schema: Schema): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {});
  const model = Object.fromEntries(properties.map(([name, property]) => [name, arbitrary(property, name)]));
  return fc.record(model, { requiredKeys: schema.required ?? [] });
}

/** Any event of AG-UI. */
export const anyEvent = (): fc.Arbitrary<AguiEvent> =>
  arbitrary(schemaOf(EventSchema), "") as fc.Arbitrary<AguiEvent>;
/** Any input of a run. */
export const anyInput = (): fc.Arbitrary<RunAgentInput> =>
  arbitrary(schemaOf(RunAgentInputSchema), "") as fc.Arbitrary<RunAgentInput>;

/** What an event is after it was in binary form, which cannot tell an empty list from none. */
export function afterBinary(event: AguiEvent): unknown {
  const { ...copy } = event as unknown as Record<string, unknown>;
  dropEmpty(copy, "usage");
  if (isRecord(copy.outcome)) copy.outcome = withoutEmpty(copy.outcome, "pendingToolCallIds", "interruptIds");
  if (Array.isArray(copy.messages)) copy.messages = copy.messages.map(messageAfterBinary);
  if (isRecord(copy.input)) copy.input = inputAfterBinary(copy.input);
  return copy;
}

/** What an input is after it was in binary form, which has empty lists where there were none. */
export function inputAfterBinary(input: Record<string, unknown>): Record<string, unknown> {
  const messages = (input.messages as unknown[]).map(messageAfterBinary);
  return { tools: [], context: [], resume: [], ...input, messages };
}

const messageAfterBinary = (message: unknown): unknown =>
  withoutEmpty(message as Record<string, unknown>, "toolCalls");

function withoutEmpty({ ...copy }: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  for (const name of names) dropEmpty(copy, name);
  return copy;
}

function dropEmpty(object: Record<string, unknown>, name: string): void {
  const value = object[name];
  if (Array.isArray(value) && value.length === 0) delete object[name];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
