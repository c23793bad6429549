import { createHash } from "node:crypto";
import type { CatalogPlace } from "@dragoman/event-log";
import { canonicalJson } from "../fingerprint.ts";
import { invalidPageToken } from "../lists.ts";
import type { ReplayOptions } from "./replay-events.ts";

/** How far a replay got. */
export interface ReplayPlace {
  /** Which of the named sessions it is in; 0 where none are named. */
  readonly index: number;
  /** The place of the session in the list of all; undefined where they are named. */
  readonly session?: CatalogPlace;
  /** The sequence that was read last in it. */
  readonly sequence: number;
  /** The log that it is a place in: a session may be removed, and made again. */
  readonly logId: string;
}

type Token = [hash: string, index: number, sequence: number, logId: string, order?: number, id?: string];

/** Writes a cursor. It is tied to what is replayed, so that a changed filter is noticed. */
export function writeReplayCursor(replayHash: string, place: ReplayPlace): string {
  const { index, sequence, logId, session } = place;
  const token: Token = [replayHash, index, sequence, logId];
  if (session) token.push(session.order, session.id);
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

/** Reads the cursor of the options; undefined if there is none. Throws INVALID_PAGE_TOKEN. */
export function readReplayCursor(options: ReplayOptions): ReplayPlace | undefined {
  if (options.cursor === "") return undefined;
  const [hash, index, sequence, logId, order, id] = parse(options.cursor);
  const isOfThis = hash === replayHashOf(options) && isCount(index) && isCount(sequence);
  if (!isOfThis || typeof logId !== "string") throw invalidPageToken();
  const place = { index, sequence, logId };
  if ((options.filter.sessionIds ?? []).length > 0) return place;
  if (!isCount(order) || typeof id !== "string") throw invalidPageToken();
  return { ...place, session: { order, id, namespace: options.namespace, parent: "" } };
}

/** Names what is replayed. */
export function replayHashOf({
  namespace,
  filter,
  startTime,
  endTime,
  afterSequence,
}: ReplayOptions): string {
  const text = canonicalJson({ namespace, filter, startTime, endTime, afterSequence });
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parse(token: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
