import { createHash } from "node:crypto";
import type { RunAgentInput } from "@dragoman/agui";

/**
 * Returns a fingerprint of what a run was asked to do.
 *
 * Two inputs are the same when they are equal after defaults, with keys sorted and numbers as doubles,
 * without protocolVersion, for the same agent. Starting a run again with the same input joins it.
 */
export function fingerprintOf(agentId: string, input: RunAgentInput): string {
  const complete = {
    agentId,
    threadId: input.threadId,
    runId: input.runId,
    parentRunId: input.parentRunId,
    state: input.state ?? {},
    messages: input.messages,
    tools: input.tools ?? [],
    context: input.context ?? [],
    forwardedProps: input.forwardedProps ?? {},
    resume: input.resume ?? [],
  };
  return createHash("sha256").update(canonicalJson(complete)).digest("hex");
}

/** JSON text with sorted keys; absent members are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

/** Whether two JSON values are the same, whatever the order of keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left).filter((key) => left[key] !== undefined);
  if (keys.length !== Object.keys(right).filter((key) => right[key] !== undefined).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]));
}
