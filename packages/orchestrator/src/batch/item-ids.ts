import { createHash } from "node:crypto";
import type { RunAgentInput } from "@dragoman/agui";
import { fingerprintOf } from "@dragoman/engine";
import type { ItemInfo } from "./entries.ts";
import { mapInTurns } from "./map-in-turns.ts";

/** An item as it was given: empty ids are made by the server. */
export interface BatchItem {
  readonly agentId: string;
  readonly input: RunAgentInput;
}

/** The id of the session of an item that names none: the same for the same place, and no other's. */
export function derivedThreadId(batchId: string, index: number): string {
  return `batch-${shortHash(batchId)}-${index}`;
}

/** The id of the run of an attempt of an item, from 1. Starting the same attempt again joins it. */
export function derivedRunId(batchId: string, index: number, attempt: number): string {
  return `${derivedThreadId(batchId, index)}-run-${attempt}`;
}

/** The id of the run of an attempt of an item, from 1: the first one may be the caller's own. */
export function runIdOf(batchId: string, item: ItemInfo, attempt: number): string {
  return attempt === 1 ? item.firstRunId : derivedRunId(batchId, item.index, attempt);
}

/** Returns a fingerprint of items as they were given. Making a batch again with the same items joins it. */
export async function batchFingerprint(items: readonly BatchItem[]): Promise<string> {
  const hash = createHash("sha256");
  await mapInTurns(items, ({ agentId, input }) => hash.update(fingerprintOf(agentId, input)));
  return hash.digest("hex");
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}
