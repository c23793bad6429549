import type { Message } from "@dragoman/agui";
import { invalidPageToken, pageSizeOf } from "@dragoman/engine";

/** Which messages of a history to list; see orchestrator.v1.ListMessagesRequest. */
export interface MessagePageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly allRoles: boolean;
}

/** A page of messages. */
export interface MessagePage {
  readonly messages: readonly Message[];
  /** For the next page; empty on the last one. */
  readonly nextPageToken: string;
}

/** What the messages of one page have together as JSON, unless the first is larger: clients take 4 MiB. */
const pageMaxLength = 3 * 1024 * 1024;

/**
 * Takes a page out of a history. A page goes on after the last message of the one before it, wherever that is by
 * now; where the history was rewritten without it, there is nothing to go on from.
 */
export function messagePage(history: readonly Message[], request: MessagePageRequest): MessagePage {
  const { pageSize, pageToken, allRoles } = request;
  const wanted = allRoles
    ? history
    : history.filter(({ role }) => role !== "activity" && role !== "reasoning");
  const start = pageToken === "" ? 0 : placeAfter(wanted, pageToken, allRoles);
  const messages = upTo(pageMaxLength, wanted.slice(start, start + pageSizeOf(pageSize)));
  const end = start + messages.length;
  const last = messages.at(-1);
  const hasMore = last !== undefined && end < wanted.length;
  return { messages, nextPageToken: hasMore ? tokenOf(end, last.id, allRoles) : "" };
}

function upTo(maxLength: number, messages: readonly Message[]): readonly Message[] {
  let length = 0;
  const end = messages.findIndex((message, index) => {
    length += JSON.stringify(message).length;
    return index > 0 && length > maxLength;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

function tokenOf(end: number, lastId: string, allRoles: boolean): string {
  return Buffer.from(JSON.stringify([allRoles ? "all" : "chat", end, shortened(lastId)])).toString(
    "base64url",
  );
}

/** Tokens are short, whatever ids are. */
function shortened(id: string): string {
  return id.slice(0, 128);
}

function placeAfter(messages: readonly Message[], token: string, allRoles: boolean): number {
  const [kind, end, lastId] = parse(token);
  if (kind !== (allRoles ? "all" : "chat") || typeof end !== "number" || typeof lastId !== "string")
    throw invalidPageToken();
  const isLast = (message: Message | undefined) => message && shortened(message.id) === lastId;
  // Where it was, unless something before it was cut.
  const place = isLast(messages[end - 1]) ? end - 1 : messages.findIndex(isLast);
  if (place < 0) throw invalidPageToken();
  return place + 1;
}

function parse(token: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
