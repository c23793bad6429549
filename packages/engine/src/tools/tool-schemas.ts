import type { Problem } from "@dragoman/agui";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { canonicalJson } from "../fingerprint.ts";
import type { EngineLimits } from "../limits.ts";
import { createTimeBox, type TimeBox, TimeBoxError } from "./time-box.ts";

/** How many problems of one value are told. */
const problemsMax = 100;

/** Checks schemas of tools, and arguments against them. Whoever wrote either may mean harm. */
export class ToolSchemas {
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #validatorsMax: number;
  readonly #inTime: TimeBox;
  #meta: Ajv2020 | undefined;

  constructor(limits: EngineLimits) {
    this.#validatorsMax = limits.toolValidatorsMax;
    this.#inTime = createTimeBox(limits.toolSchemaTimeoutMs);
  }

  /** Everything that makes a schema unusable; empty if it can be used. */
  problemsOfSchema(schema: unknown): Problem[] {
    if (schema === undefined) return [];
    if (!isObject(schema)) return [problem("", "must be a JSON Schema as an object", "type")];
    const meta = this.#metaSchema();
    try {
      const errors = this.#inTime(() => metaErrors(meta, schema));
      if (errors.length > 0) return errors;
      this.#validatorOf(schema);
    } catch (error) {
      return [problem("", whyUnusable(error), "schema")];
    }
    const { type } = schema;
    if (type === undefined || type === "object") return [];
    return [problem("/type", 'must be "object": the arguments of a tool are an object', "type")];
  }

  /** Everything in arguments that a schema does not allow; empty if they match. */
  problemsOf(schema: unknown, args: unknown): Problem[] {
    if (!isObject(args)) return [problem("", "must be an object", "type")];
    if (!isObject(schema)) return [];
    try {
      const validate = this.#validatorOf(schema);
      if (this.#inTime(() => validate(args))) return [];
      return (validate.errors ?? []).slice(0, problemsMax).map(problemOf);
    } catch (error) {
      if (error instanceof TimeBoxError)
        return [problem("", `cannot be checked in time: ${error.message}`, "time")];
      return [problem("", `cannot be checked: the schema ${whyUnusable(error)}`, "schema")];
    }
  }

  /** What schemas are checked with. Compiled before the first one is: that takes longer than any check. */
  #metaSchema(): Ajv2020 {
    if (this.#meta) return this.#meta;
    this.#meta = new Ajv2020({ allErrors: true, strict: false, logger: false });
    this.#meta.validateSchema({});
    return this.#meta;
  }

  /** The most recently used ones are kept. */
  #validatorOf(schema: Readonly<Record<string, unknown>>): ValidateFunction {
    const text = canonicalJson(schema);
    const validate = this.#validators.get(text) ?? this.#inTime(() => compile(schema));
    this.#validators.delete(text);
    this.#validators.set(text, validate);
    const [oldest] = this.#validators.keys();
    if (this.#validators.size > this.#validatorsMax && oldest !== undefined) this.#validators.delete(oldest);
    return validate;
  }
}

function metaErrors(meta: Ajv2020, schema: Readonly<Record<string, unknown>>): Problem[] {
  if (meta.validateSchema(withoutDialect(schema)) === true) return [];
  return (meta.errors ?? []).slice(0, problemsMax).map(problemOf);
}

/** Each schema by itself, so that none can refer to another's. What it refers to elsewhere is never fetched. */
function compile(schema: Readonly<Record<string, unknown>>): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    validateSchema: false,
    meta: false,
    logger: false,
  });
  formats.default(ajv);
  const validate = ajv.compile(withoutDialect(schema));
  if ("$async" in validate) throw new Error("$async is not supported");
  return validate;
}

/** Generators name older dialects in schemas that mean the same in the one that is used here. */
function withoutDialect(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { $schema: _, ...rest } = schema;
  return rest;
}

function whyUnusable(error: unknown): string {
  if (error instanceof TimeBoxError) return `cannot be used: ${error.message}`;
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith("can't resolve reference")) {
    return `refers to what is no part of it, and nothing is fetched: ${message}`;
  }
  return `cannot be used: ${message}`;
}

function problemOf({ instancePath, message, keyword, params }: ErrorObject): Problem {
  const name = keyword === "additionalProperties" ? ` (${JSON.stringify(params.additionalProperty)})` : "";
  return problem(instancePath, `${message ?? "is not valid"}${name}`, snakeCase(keyword));
}

function problem(path: string, message: string, rule: string): Problem {
  return { path, message, rule };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
