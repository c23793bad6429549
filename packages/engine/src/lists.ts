import { createHash } from "node:crypto";
import type { Catalog, CatalogEntry, CatalogPlace, CatalogQuery } from "@dragoman/event-log";
import { type RunInfo, type RunState, readEntry, type SessionInfo } from "./entries.ts";
import { EngineError } from "./errors.ts";

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For the next page; empty on the last one. */
  readonly nextPageToken: string;
}

interface PageQuery {
  readonly namespace: string;
  /** At most so many; 0 for the default of 50; above 1,000 it is 1,000. */
  readonly pageSize: number;
  /** From the page before; empty for the first. */
  readonly pageToken: string;
}

export interface ListRunsQuery extends PageQuery {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly state?: RunState;
}

export interface ListSessionsQuery extends PageQuery {
  readonly agentId?: string;
  readonly state?: SessionInfo["state"];
}

const pageSizeDefault = 50;
const pageSizeMax = 1_000;
const smallPageBytes = 4 * 1024 * 1024;
/** What the entries of one page have together, unless the first is larger: clients take 4 MiB. */
const pageMaxBytes = 3 * 1024 * 1024;

export async function listRuns(catalog: Catalog, query: ListRunsQuery): Promise<Page<RunInfo>> {
  const { namespace, sessionId, agentId, state } = query;
  return list(catalog, query, {
    kind: "run",
    namespace,
    ...(sessionId && { parent: sessionId }),
    ...(agentId && { label: agentId }),
    ...(state && { states: [state] }),
  });
}

export async function listSessions(catalog: Catalog, query: ListSessionsQuery): Promise<Page<SessionInfo>> {
  const { namespace, agentId, state } = query;
  return list(catalog, query, {
    kind: "session",
    namespace,
    ...(agentId && { label: agentId }),
    ...(state && { states: [state] }),
  });
}

async function list<T extends RunInfo | SessionInfo>(
  catalog: Catalog,
  page: PageQuery,
  filter: Omit<CatalogQuery, "limit" | "after">,
): Promise<Page<T>> {
  const { items, nextPageToken } = await listEntries(catalog, page, filter);
  return { items: items.map((entry) => readEntry<T>(entry)), nextPageToken };
}

/** Lists entries of the catalog by pages, newest first. */
export async function listEntries(
  catalog: Catalog,
  page: Omit<PageQuery, "namespace">,
  filter: Omit<CatalogQuery, "limit" | "after">,
): Promise<Page<CatalogEntry>> {
  const size = pageSizeOf(page.pageSize);
  const hash = filterHash(filter);
  const after = page.pageToken === "" ? undefined : readToken(page.pageToken, hash);
  const entries = await catalog.list({ ...filter, limit: size + 1, ...(after && { after }) });
  const items = upTo(pageMaxBytes, entries.slice(0, size));
  const last = items[items.length - 1];
  // A store may cut a list whose entries are large, so a short page is the last one only if it is small.
  const bytes = entries.reduce((sum, entry) => sum + entry.value.length, 0);
  const hasMore = entries.length > items.length || bytes > smallPageBytes;
  return { items, nextPageToken: hasMore && last ? writeToken(last, hash) : "" };
}

function upTo(maxBytes: number, entries: readonly CatalogEntry[]): readonly CatalogEntry[] {
  let bytes = 0;
  const end = entries.findIndex(({ value }, index) => {
    bytes += value.length;
    return index > 0 && bytes > maxBytes;
  });
  return end < 0 ? entries : entries.slice(0, end);
}

/** How many items a page has. */
export function pageSizeOf(asked: number): number {
  return asked === 0 ? pageSizeDefault : Math.min(asked, pageSizeMax);
}

/** Ties a token to its filter, so that a changed filter is noticed. */
export function filterHash(filter: object): string {
  return createHash("sha256").update(JSON.stringify(filter)).digest("base64url").slice(0, 12);
}

/** Makes the token for the page after an entry. */
export function writeToken({ order, namespace, parent, id }: CatalogEntry, hash: string): string {
  return Buffer.from(JSON.stringify([hash, order, namespace, parent, id])).toString("base64url");
}

/** Reads a token. Throws INVALID_PAGE_TOKEN for one of another list. */
export function readToken(token: string, hash: string): CatalogPlace {
  const parts = parseToken(token);
  const [tokenHash, order, namespace, parent, id] = parts;
  if (
    tokenHash !== hash ||
    typeof namespace !== "string" ||
    typeof order !== "number" ||
    typeof parent !== "string" ||
    typeof id !== "string"
  ) {
    throw invalidPageToken();
  }
  return { order, namespace, parent, id };
}

function parseToken(token: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The error for a token that is not of the list that was asked for. */
export function invalidPageToken(): EngineError {
  return new EngineError(
    "INVALID_PAGE_TOKEN",
    "the page token is not of this list: send it with the filter it came with, or none for the first page",
  );
}
