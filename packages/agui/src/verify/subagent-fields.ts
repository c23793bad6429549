import type { EventOf } from "../types.ts";
import { ViolationError } from "./rules.ts";

type Lifecycle = EventOf<"SUBAGENT_STARTED" | "SUBAGENT_FINISHED" | "SUBAGENT_ERROR">;

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

/**
 * Checks the fields of a subagent's lifecycle, of which clients demand more than the types say. Events of an
 * agent in this process have passed no parser. Throws {@link ViolationError} `subagent_field_invalid`.
 */
export function checkSubagentFields(event: Lifecycle): void {
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
