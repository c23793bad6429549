import { EventSchema, MessageSchema, RunAgentInputSchema } from "@ag-ui/core/schemas";
import { z } from "zod/v4";
import type { AguiEvent, Message, RunAgentInput } from "../src/types.ts";

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
    for (const value of variants(property, name)) {
      cases.push({ ...least, [name]: value });
    }
    if (required.has(name)) continue;
    const { [name]: _left, ...rest } = most;
    cases.push(rest);
  }
  return cases;
}

/** Events of all types, each property present and absent and of every kind, made from AG-UI's own schema. */
export const eventCases = (): AguiEvent[] => variants(schemaOf(EventSchema), "") as AguiEvent[];
/** Messages of all roles, likewise. */
export const messageCases = (): Message[] => variants(schemaOf(MessageSchema), "") as Message[];
/** Inputs, likewise. */
export const inputCases = (): RunAgentInput[] =>
  variants(schemaOf(RunAgentInputSchema), "") as RunAgentInput[];
