import type { EventOf } from "../types.ts";
import { ViolationError } from "./rules.ts";
import type { RunState } from "./run-state.ts";

type Lifecycle = EventOf<"SUBAGENT_STARTED" | "SUBAGENT_FINISHED" | "SUBAGENT_ERROR">;

export function checkSubagentStart({ open, count }: RunState, event: EventOf<"SUBAGENT_STARTED">): void {
  checkFields(event);
  const { subagentRunId, parentSubagentRunId } = event;
  const known = open.subagents.get(subagentRunId);
  if (known !== undefined) {
    throw known.ended === undefined
      ? new ViolationError("subagent_already_active", `Subagent '${subagentRunId}' is already active.`)
      : new ViolationError("subagent_reused", `Subagent '${subagentRunId}' has ended in this run already.`);
  }
  if (parentSubagentRunId !== undefined && !open.subagents.has(parentSubagentRunId)) {
    throw new ViolationError(
      "subagent_parent_unknown",
      `Subagent '${subagentRunId}' names parent '${parentSubagentRunId}', which has not started in this run.`,
    );
  }
  count();
  open.subagents.set(subagentRunId, { started: open.place(event), ended: undefined });
}

export function checkSubagentEnd(
  { open }: RunState,
  event: EventOf<"SUBAGENT_FINISHED" | "SUBAGENT_ERROR">,
): void {
  checkFields(event);
  const subagent = open.subagents.get(event.subagentRunId);
  if (subagent === undefined || subagent.ended !== undefined) {
    throw new ViolationError(
      "subagent_not_active",
      `${event.type} names subagent '${event.subagentRunId}', which is not active.`,
    );
  }
  subagent.ended = open.place(event);
}

const REQUIRED = {
  SUBAGENT_STARTED: ["subagentRunId", "name"],
  SUBAGENT_FINISHED: ["subagentRunId"],
  SUBAGENT_ERROR: ["subagentRunId", "message"],
} as const;

const OPTIONAL = {
  SUBAGENT_STARTED: ["description", "parentSubagentRunId", "parentToolCallId", "parentMessageId"],
  SUBAGENT_FINISHED: ["outcome"],
  SUBAGENT_ERROR: ["code"],
} as const;

/** Clients check these too: events of an agent in the same process have passed no parser. */
function checkFields(event: Lifecycle): void {
  const fields: Readonly<Record<string, unknown>> = { ...event };
  for (const field of REQUIRED[event.type]) {
    if (typeof fields[field] !== "string") fail(event, `needs a '${field}'`);
  }
  for (const field of OPTIONAL[event.type]) {
    if (fields[field] === null) fail(event, `has a '${field}' of null, which has to be absent instead`);
  }
  if (event.type === "SUBAGENT_FINISHED" && event.outcome !== undefined) checkOutcome(event, event.outcome);
}

function checkOutcome(event: Lifecycle, outcome: { type: string; interruptIds?: unknown }): void {
  if (outcome.type !== "success" && outcome.type !== "suspended") {
    fail(event, `has outcome '${outcome.type}' instead of success or suspended`);
  }
  const ids = outcome.interruptIds;
  if (ids === null || (Array.isArray(ids) && ids.some((id) => typeof id !== "string"))) {
    fail(event, "has 'interruptIds' that are not strings");
  }
}

function fail(event: Lifecycle, what: string): never {
  throw new ViolationError("subagent_field_invalid", `${event.type} ${what}.`);
}
