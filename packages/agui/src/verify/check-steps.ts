import type { EventOf } from "../types.ts";
import { nameOf } from "./owners.ts";
import { ViolationError } from "./rules.ts";
import type { RunState } from "./run-state.ts";

export function checkStepStart({ open, count }: RunState, event: EventOf<"STEP_STARTED">): void {
  const { stepName, subagentRunId } = event;
  if (open.stepsOf(subagentRunId)?.has(stepName)) {
    throw new ViolationError(
      "step_already_started",
      `Step '${stepName}' of ${nameOf({ subagentRunId })} is already open.`,
    );
  }
  count();
  open.addStep(event);
}

export function checkStepFinish(
  { open }: RunState,
  { stepName, subagentRunId }: EventOf<"STEP_FINISHED">,
): void {
  if (!open.stepsOf(subagentRunId)?.has(stepName)) {
    // A step of that name with another owner is the likelier mistake than one that was never started.
    const owner = open.stepOwner(stepName);
    const hint = owner === undefined ? "" : `; one of that name is open for ${nameOf(owner)}`;
    throw new ViolationError(
      "step_not_started",
      `STEP_FINISHED names step '${stepName}' of ${nameOf({ subagentRunId })}, which is not open${hint}.`,
    );
  }
  open.removeStep(subagentRunId, stepName);
}
