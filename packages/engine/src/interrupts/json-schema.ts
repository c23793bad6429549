import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** Where a value does not match its schema. */
export interface SchemaProblem {
  /** A JSON Pointer into the value. */
  readonly path: string;
  readonly message: string;
}

/**
 * Returns where a value does not match a JSON Schema. One that cannot be used restricts nothing: whoever made it
 * judges the value.
 */
export function schemaProblems(schema: object, value: unknown): SchemaProblem[] {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateSchema: false, logger: false });
  formats.default(ajv);
  const { $schema: _ignored, ...rest } = schema as { $schema?: unknown };
  try {
    const validate = ajv.compile(rest);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => {
      return { path: instancePath, message: message ?? "is not valid" };
    });
  } catch {
    return [];
  }
}

/** The problems in one line. */
export function listProblems(problems: readonly SchemaProblem[]): string {
  return problems.map(({ path, message }) => `${path || "/"} ${message}`).join("; ");
}
