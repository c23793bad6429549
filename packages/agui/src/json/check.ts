import type { Field, Shape, Union } from "../codec/shape.ts";
import { isUnion } from "../codec/shape.ts";
import { isPointer } from "../codec/write-fields.ts";
import { isObject, type Loose, nameOf, type Problem, pointerOf, valueProblem } from "./problem.ts";

/** How strictly to read. */
export interface CheckOptions {
  /**
   * Drop members of unions that AG-UI 1.0 does not know, such as a message of an unknown role, with a warning,
   * as AG-UI's readers do. Otherwise they are problems.
   */
  dropUnknownMembers: boolean;
  /**
   * Whether null in place of an optional field means absent, as inputs may have it. Otherwise it is of the wrong
   * type, as AG-UI 1.0 has it for events; values that AG-UI leaves open, and patch operations, may hold null.
   */
  nullIsAbsent: boolean;
  /** Look into values that AG-UI leaves open, for what has no binary form. */
  lookIntoValues: boolean;
}

/** How many problems and how many warnings are listed. Who made so many mistakes has enough to do with these. */
export const MAX_LISTED = 1000;

/** Stands for a value of a kind that is not known here. */
const DROP = Symbol("drop");

/**
 * Reads JSON against a shape: collects the problems, and strips what is not described. What is right as it is
 * comes back itself; only what has to change is copied.
 */
export class Checker {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  readonly #options: CheckOptions;
  readonly #path: (string | number)[] = [];

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** Checks an object of this shape. The result is of use only if there are no problems. */
  check(value: unknown, described: Shape | Union): Loose {
    const result = this.#member(value, described);
    return isObject(result) ? result : {};
  }

  #object(value: unknown, described: Shape): Loose | typeof DROP {
    if (!isObject(value)) {
      this.#report("type", `must be an object, not ${nameOf(value)}`);
      return {};
    }
    let result = described.open ? value : this.#strip(value, described);
    for (const field of described.fields) {
      const before = Object.hasOwn(result, field.name) ? result[field.name] : undefined;
      this.#path.push(field.name);
      const after = this.#field(before, field, described.open === true);
      this.#path.pop();
      if (after === DROP) return DROP;
      if (after === before) continue;
      if (result === value) result = { ...value };
      if (after === undefined) delete result[field.name];
      else result[field.name] = after;
    }
    return result;
  }

  #strip(value: Loose, described: Shape): Loose {
    let result = value;
    for (const name of Object.keys(value)) {
      if (described.names.has(name)) continue;
      if (result === value) result = { ...value };
      delete result[name];
      this.#warn([...this.#path, name], "AG-UI does not describe");
    }
    return result;
  }

  #field(value: unknown, field: Field, isOpen: boolean): unknown {
    if (value === undefined || (value === null && this.#isAbsent(field, isOpen))) {
      if (field.required) this.#report("required", "is required");
      return undefined;
    }
    if (value === null && field.kind === "value" && !field.required) this.#report("type", "must not be null");
    const before = this.warnings.length;
    const result = this.#present(value, field);
    if (result !== DROP || field.required) return result;
    this.warnings.length = before;
    this.#warnDropped();
    return undefined;
  }

  /** Whether null in this field means that it is absent. */
  #isAbsent(field: Field, isOpen: boolean): boolean {
    if (field.kind === "value" && field.required) return false;
    return this.#options.nullIsAbsent || isOpen || field.required === true;
  }

  #present(value: unknown, field: Field): unknown {
    switch (field.kind) {
      case "string":
        return this.#string(value, field.values, field.pointer);
      case "boolean":
        if (typeof value !== "boolean") this.#report("type", `must be true or false, not ${nameOf(value)}`);
        return value;
      case "integer":
        return this.#integer(value, field.minimum);
      case "value":
        return this.#value(value);
      case "object":
        if (!isObject(value)) this.#report("type", `must be an object, not ${nameOf(value)}`);
        return this.#value(value);
      case "message":
        return this.#member(value, field.shape);
      case "messages":
        return this.#list(value, field.minimum, (item) => this.#member(item, field.shape));
      case "strings":
        return this.#list(value, 0, (item) => this.#string(item));
      case "content":
        if (typeof value === "string") return value;
        if (Array.isArray(value)) return this.#list(value, 0, (item) => this.#member(item, field.parts));
        this.#report("type", `must be a string or a list of parts, not ${nameOf(value)}`);
        return value;
      case "outcome":
        return this.#member(value, field.union);
    }
  }

  #string(value: unknown, values?: readonly string[], pointer = false): unknown {
    if (typeof value !== "string") this.#report("type", `must be a string, not ${nameOf(value)}`);
    else if (values !== undefined && !values.includes(value)) {
      this.#report("one_of", `must be one of ${values.join(", ")}, not ${JSON.stringify(value)}`);
    } else if (pointer && !isPointer(value)) {
      this.#report("json_pointer", `must be a JSON Pointer, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  #integer(value: unknown, minimum: number): unknown {
    if (typeof value !== "number") this.#report("type", `must be a number, not ${nameOf(value)}`);
    else if (!Number.isSafeInteger(value))
      this.#report("safe_integer", `must be a whole number, not ${value}`);
    else if (value < minimum) this.#report("minimum", `must be at least ${minimum}, not ${value}`);
    return value;
  }

  #value(value: unknown): unknown {
    if (!this.#options.lookIntoValues) return value;
    const problem = valueProblem(value, pointerOf(this.#path));
    if (problem !== undefined) this.#add(problem);
    return value;
  }

  #member(value: unknown, described: Shape | Union): unknown {
    if (!isUnion(described)) return this.#object(value, described);
    if (!isObject(value)) {
      this.#report("type", `must be an object, not ${nameOf(value)}`);
      return value;
    }
    const tag = Object.hasOwn(value, described.tag) ? value[described.tag] : undefined;
    const variant = typeof tag === "string" ? described.variants.get(tag) : undefined;
    if (variant !== undefined) return this.#object(value, variant);
    if (this.#options.dropUnknownMembers) return DROP;
    this.#path.push(described.tag);
    if (tag === undefined) this.#report("required", "is required");
    else this.#string(tag, [...described.variants.keys()]);
    this.#path.pop();
    return value;
  }

  #list(value: unknown, minimum: number, check: (item: unknown) => unknown): unknown {
    if (!Array.isArray(value)) {
      this.#report("type", `must be a list, not ${nameOf(value)}`);
      return value;
    }
    if (value.length < minimum) this.#report("min_items", `must have at least ${minimum} item`);
    let changed = false;
    const result: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      this.#path.push(index);
      const before = this.warnings.length;
      const item = check(value[index]);
      if (item === DROP) {
        this.warnings.length = before;
        this.#warnDropped();
      } else result.push(item);
      this.#path.pop();
      changed ||= item !== value[index];
    }
    return changed ? result : value;
  }

  #warnDropped(): void {
    this.#warn(this.#path, "is of a kind that AG-UI does not describe");
  }

  #warn(path: readonly (string | number)[], why: string): void {
    if (this.warnings.length < MAX_LISTED) this.warnings.push(`Removed ${pointerOf(path)}, which ${why}`);
  }

  #report(rule: string, message: string): void {
    this.#add({ path: pointerOf(this.#path), message, rule });
  }

  #add(problem: Problem): void {
    if (this.problems.length < MAX_LISTED) this.problems.push(problem);
  }
}
