import { MAX_VALUE_DEPTH } from "../codec/value-limits.ts";

/** Something in a JSON value that AG-UI does not allow. */
export interface Problem {
  /** Where, as a JSON Pointer (RFC 6901). Empty for the value itself. */
  path: string;
  /** What is wrong and what would be right, to be read after the path. */
  message: string;
  /** A stable name of the rule, in lower snake case. */
  rule: string;
}

/** An object whose properties are not checked yet. */
export type Loose = { [name: string]: unknown };

/** Whether it is an object of JSON. */
export function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a value is, for people. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A JSON Pointer to this place. */
export function pointerOf(path: readonly (string | number)[]): string {
  return path.map((step) => `/${escapeStep(String(step))}`).join("");
}

function escapeStep(step: string): string {
  return step.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The first thing in a value that AG-UI leaves open that has no binary form, if any. */
export function valueProblem(value: unknown, path: string, depth = 0): Problem | undefined {
  if (typeof value === "bigint") return { path, message: "must be a JSON value, not a bigint", rule: "type" };
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_VALUE_DEPTH) {
    return { path, message: `must not be nested more than ${MAX_VALUE_DEPTH} deep`, rule: "too_deep" };
  }
  for (const [key, member] of Object.entries(value)) {
    const problem = valueProblem(member, `${path}/${escapeStep(key)}`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
