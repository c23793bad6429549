import { createHash } from "node:crypto";
import type { CatalogChange } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { canonicalJson } from "../fingerprint.ts";
import type { Session } from "../session.ts";
import type { ToolResult } from "./run-tool.ts";

/** What is kept of a call that a client asked for or answered, so that a repeated request gets the first outcome. */
export interface CallRecord {
  readonly toolCallId: string;
  /** What was asked for, where a client asked to execute the tool. */
  readonly request?: string;
  /** What was answered, once it is. */
  readonly answer?: string;
  /** Why a tool that was executed failed. */
  readonly reason?: ToolResult["reason"];
  /** The run that has the result or goes on with it; before there is one, that has the call. */
  readonly runId: string;
  /** The sequence of the result; 0 before there is one. */
  readonly sequence: number;
  /** Its place in the catalog, which stays; made where it is missing. */
  readonly order?: number;
}

const kind = "tool_call";

/** Looks a call up. */
export async function findCall(
  core: EngineCore,
  session: Session,
  toolCallId: string,
): Promise<CallRecord | undefined> {
  const { namespace, id: parent } = session.key;
  const found = await core.store.catalog.get({ namespace, kind, parent, id: hashOf(toolCallId) });
  return found && (JSON.parse(new TextDecoder().decode(found.value)) as CallRecord);
}

/** The change of the catalog that keeps a call. */
export function callChange(core: EngineCore, session: Session, record: CallRecord): CatalogChange {
  const { namespace, id: parent } = session.key;
  const order = record.order ?? core.created().order;
  const value = new TextEncoder().encode(JSON.stringify({ ...record, order }));
  return {
    put: { namespace, kind, parent, id: hashOf(record.toolCallId), label: "", state: "", order, value },
  };
}

/** A fingerprint of a request or an answer. */
export function fingerprintOfCall(value: unknown): string {
  return hashOf(canonicalJson(value));
}

/** Ids of calls may be longer than those of the catalog. */
function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
