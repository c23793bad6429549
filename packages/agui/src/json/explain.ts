import { InvalidEventError, TooDeepError } from "../codec/errors.ts";
import { EVENT_SHAPES } from "../codec/event-shapes.ts";
import type { Shape, Union } from "../codec/shape.ts";
import type { AguiEvent } from "../types.ts";
import { Checker } from "./check.ts";
import type { Problem } from "./problem.ts";

/** Says why an event could not be encoded. */
export function explainEvent(event: AguiEvent): InvalidEventError {
  const described = EVENT_SHAPES.get(event.type);
  return described === undefined
    ? new InvalidEventError("", "cannot be encoded")
    : explainEntity(described, event);
}

/** Says why an object of this shape could not be encoded. */
export function explainEntity(described: Shape | Union, entity: object): InvalidEventError {
  const checker = new Checker({ dropUnknownMembers: false, nullIsAbsent: true, lookIntoValues: true });
  checker.check(entity, described);
  const problem = checker.problems[0];
  return problem === undefined ? new InvalidEventError("", "cannot be encoded") : errorOf(problem);
}

/** A problem as an error. */
export function errorOf(problem: Problem): InvalidEventError {
  const Class = problem.rule === "too_deep" ? TooDeepError : InvalidEventError;
  return new Class(problem.path, problem.message);
}
