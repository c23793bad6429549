import { createHash } from "node:crypto";
import type { Message } from "@dragoman/agui";
import type { Catalog, CatalogChange, LogKey } from "@dragoman/event-log";
import { orderOf } from "../creation.ts";
import type { RunInfo } from "../entries.ts";
import { EngineError, quote } from "../errors.ts";
import { sameJson } from "../fingerprint.ts";
import { decodeRecord } from "../records.ts";
import type { Session } from "../session.ts";

/** What became of an input; see orchestrator.v1.ChatDisposition. */
export interface ChatOutcome {
  readonly disposition: "started" | "queued" | "steered" | "done";
  /** The run that has it, or will have it; empty if none does. */
  readonly runId: string;
  /** The sequence of the last event before it. */
  readonly afterSequence: number;
}

const kind = "chat-message";

/** The run that a message begins: the same for each repeat of it. */
export function runIdOf(messageId: string): string {
  return `chat-${createHash("sha256").update(messageId).digest("hex").slice(0, 32)}`;
}

/** What is kept of a message that went to an agent at work. */
type Steered = Pick<ChatOutcome, "runId" | "afterSequence"> & { readonly digest: string };

/** What is written with a message that goes to an agent at work, so that a repeat of it is known. */
export function steeredEntry(
  { namespace, id: parent }: LogKey,
  message: Message,
  { runId, afterSequence }: Pick<ChatOutcome, "runId" | "afterSequence">,
  timeMs: number,
): CatalogChange {
  const kept: Steered = { runId, afterSequence, digest: digestOf(message) };
  const value = new TextEncoder().encode(JSON.stringify(kept));
  const order = orderOf(timeMs, 0);
  return { put: { namespace, kind, parent, id: message.id, label: "", state: "", order, value } };
}

/**
 * What became of a message that was said before; undefined if it is new.
 *
 * Rejects with RUN_EXISTS if another one has its id.
 */
export async function findSaid(
  session: Session,
  message: Message,
  catalog: Catalog,
): Promise<ChatOutcome | undefined> {
  const run = await session.findRun(runIdOf(message.id));
  const inHistory = session.fold.messages.find(({ id }) => id === message.id);
  const known = inHistory ?? (run && (await messageOf(session, run, message.id)));
  if (known && !isSame(known, message)) throw idIsUsed(session, message.id, run?.runId ?? "");
  if (run) {
    const afterSequence = run.firstSequence > 0 ? run.firstSequence - 1 : session.headSequence;
    return {
      disposition: run.state === "queued" ? "queued" : "started",
      runId: run.runId,
      afterSequence,
    };
  }
  const { namespace, id: parent } = session.key;
  const entry = await catalog.get({ namespace, kind, parent, id: message.id });
  if (entry) {
    const { digest, runId, afterSequence } = JSON.parse(new TextDecoder().decode(entry.value)) as Steered;
    // After a reset the history has it no more.
    if (digest !== digestOf(message)) throw idIsUsed(session, message.id, runId);
    return { disposition: "steered", runId, afterSequence };
  }
  return known && { disposition: "done", runId: "", afterSequence: session.headSequence };
}

/** The message that a run was started with, as its record has it. */
async function messageOf(session: Session, run: RunInfo, messageId: string): Promise<Message | undefined> {
  if (run.inputRecord === 0) return undefined;
  const page = await session.log.readRecords(session.key, { after: run.inputRecord - 1, maxBytes: 1 });
  const bytes = page.records[0]?.bytes;
  const record = bytes && decodeRecord(bytes);
  return record?.type === "input" ? record.messages.find(({ id }) => id === messageId) : undefined;
}

function isSame(a: Message, b: Message): boolean {
  return a.role === b.role && nameOf(a) === nameOf(b) && sameJson(a.content, b.content);
}

function nameOf(message: Message): string | undefined {
  return "name" in message ? message.name : undefined;
}

/** Differs for messages that are not the same; they are plain text. */
function digestOf(message: Message): string {
  const text = JSON.stringify([message.role, nameOf(message) ?? null, message.content ?? null]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function idIsUsed(session: Session, messageId: string, runId: string): EngineError {
  return new EngineError(
    "RUN_EXISTS",
    `the session ${quote(session.sessionId)} has another message with the id ${quote(messageId)}: choose a new id`,
    { session_id: session.sessionId, run_id: runId, message_id: messageId },
  );
}
