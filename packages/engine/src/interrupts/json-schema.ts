import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { type TimeBox, TimeBoxError } from "../tools/time-box.ts";

/** How many problems of one value are told. */
const problemsMax = 100;

/** Where a value does not match its schema. */
export interface SchemaProblem {
  /** A JSON Pointer into the value. */
  readonly path: string;
  readonly message: string;
}

/**
 * Returns where a value does not match a JSON Schema. One that cannot be used restricts nothing: whoever made it
 * judges the value. Patterns may never end, so a check that takes too long is a problem of the value.
 */
export function schemaProblems(schema: object, value: unknown, inTime: TimeBox): SchemaProblem[] {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateSchema: false, logger: false });
  formats.default(ajv);
  // With $async a check would answer with a promise, which nobody waits for.
  const { $schema: _dialect, $async: _async, ...rest } = schema as { $schema?: unknown; $async?: unknown };
  let validate: ValidateFunction;
  try {
    validate = inTime(() => ajv.compile(rest));
  } catch {
    return [];
  }
  try {
    if (inTime(() => validate(value))) return [];
  } catch (error) {
    if (!(error instanceof TimeBoxError)) return [];
    return [{ path: "", message: `cannot be checked in time: ${error.message}` }];
  }
  return (validate.errors ?? []).slice(0, problemsMax).map(({ instancePath, message }) => {
    return { path: instancePath, message: message ?? "is not valid" };
  });
}

/** The problems in one line. */
export function listProblems(problems: readonly SchemaProblem[]): string {
  return problems.map(({ path, message }) => `${path || "/"} ${message}`).join("; ");
}
