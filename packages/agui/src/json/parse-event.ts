import { InvalidEventError, UnknownEventTypeError } from "../codec/errors.ts";
import { EVENT_SHAPES } from "../codec/event-shapes.ts";
import type { AguiEvent } from "../types.ts";
import { Checker } from "./check.ts";
import { errorOf } from "./explain.ts";
import { isObject, nameOf } from "./problem.ts";

/** An event that was read from JSON, and what had to be left out of it. */
export interface ParsedEvent {
  /** The event. It shares what did not have to change with the value that was parsed. */
  event: AguiEvent;
  /** What was left out, a sentence each; empty if nothing. */
  warnings: string[];
}

/**
 * Reads an event in AG-UI's JSON form, such as JSON.parse gives.
 *
 * As AG-UI's own reader does: properties and members of unions that AG-UI 1.0 does not describe are left out
 * with a warning; a described field of a wrong type or out of its range is an error, and so is null, which
 * AG-UI 1.0 has for no optional field. What older dialects meant by null, `createUpgrader` knows. Throws InvalidEventError, or UnknownEventTypeError for a type that AG-UI 1.0
 * does not have.
 */
export function parseEvent(value: unknown): ParsedEvent {
  if (!isObject(value)) throw new InvalidEventError("", `must be an object, not ${nameOf(value)}`);
  const { type } = value;
  if (type === undefined) throw new InvalidEventError("/type", "is required");
  if (typeof type !== "string") throw new InvalidEventError("/type", `must be a string, not ${nameOf(type)}`);
  const described = EVENT_SHAPES.get(type);
  if (described === undefined) throw new UnknownEventTypeError(type);
  const checker = new Checker({ dropUnknownMembers: true, nullIsAbsent: false, lookIntoValues: false });
  const event = checker.check(value, described);
  const problem = checker.problems[0];
  if (problem !== undefined) throw errorOf(problem);
  return { event: event as unknown as AguiEvent, warnings: checker.warnings };
}
