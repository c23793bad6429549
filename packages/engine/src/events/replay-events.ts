import { decodeEvent, EventBatch, readFrames } from "@dragoman/agui";
import { type CatalogPlace, type LogKey, LogNotFoundError, TrimmedError } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { type RunInfo, readEntry, type SessionInfo } from "../entries.ts";
import { sessionNotFound } from "../errors.ts";
import { type EventFilter, type EventMatcher, matcherOf, type SessionEvent } from "./event-filter.ts";
import { type ReplayPlace, readReplayCursor, replayHashOf, writeReplayCursor } from "./replay-cursor.ts";

/** What to replay. */
export interface ReplayOptions {
  readonly namespace: string;
  readonly filter: EventFilter;
  /** Only of runs that ended then or later, or have not ended. Milliseconds since 1970. */
  readonly startTime?: number;
  /** Only of runs that began before. */
  readonly endTime?: number;
  /** With one session in the filter: only what comes after this sequence. */
  readonly afterSequence?: number;
  /** Where to go on; empty for the beginning. */
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/** Events in order, maybe none, and the place after them. */
export interface ReplayPage {
  readonly events: readonly SessionEvent[];
  /** The place after the event of the same index; after the page where there is none. */
  cursorAfter(index: number): string;
}

const pageBytes = 256 * 1024;
const sessionsPerPage = 100;

/**
 * Reads events that happened, session after session: those of the filter in its order, else all, the last made
 * first. What is appended to a session after it was reached is not read. Pages may be empty, so that a caller
 * learns how far it got.
 *
 * Nothing is folded and no session is opened: it reads the log as it lies there.
 */
export async function* replayEvents(core: EngineCore, options: ReplayOptions): AsyncGenerator<ReplayPage> {
  const from = readReplayCursor(options);
  const matcher = matcherOf(options.filter);
  let start: Start = from ?? { sequence: options.afterSequence ?? 0, logId: undefined };
  for await (const { info, place } of sessionsOf(core, options, from)) {
    options.signal.throwIfAborted();
    const isWanted = info.updateTime >= (options.startTime ?? 0) || info.state === "active";
    if (isWanted && info.createTime < (options.endTime ?? Number.POSITIVE_INFINITY)) {
      yield* replaySession(core, options, matcher, info, place, start);
    } else yield { events: [], cursorAfter: () => cursorOf(options, { ...place, sequence: 0, logId: "" }) };
    start = { sequence: 0, logId: undefined };
  }
}

/** Where to begin in a session; in any log of its where none is named. */
interface Start {
  readonly sequence: number;
  readonly logId: string | undefined;
}

function cursorOf(options: ReplayOptions, place: ReplayPlace): string {
  return writeReplayCursor(replayHashOf(options), place);
}

interface FoundSession {
  readonly info: SessionInfo;
  readonly place: Omit<ReplayPlace, "sequence" | "logId">;
}

async function* sessionsOf(
  core: EngineCore,
  options: ReplayOptions,
  from: ReplayPlace | undefined,
): AsyncGenerator<FoundSession> {
  const { namespace, filter } = options;
  const { catalog } = core.store;
  const named = new Set(filter.sessionIds);
  for (const [index, id] of [...named].entries()) {
    if (index < (from?.index ?? 0)) continue;
    const entry = await catalog.get({ namespace, kind: "session", parent: "", id });
    if (!entry) throw sessionNotFound(id);
    yield { info: readEntry<SessionInfo>(entry), place: { index } };
  }
  if (named.size > 0) return;
  const query = { namespace, kind: "session", limit: sessionsPerPage };
  if (from?.session) {
    const entry = await catalog.get({ namespace, kind: "session", parent: "", id: from.session.id });
    // One that was made again since is none of those that were there.
    if (entry?.order === from.session.order)
      yield { info: readEntry<SessionInfo>(entry), place: { index: 0, session: from.session } };
  }
  let page = await catalog.list({ ...query, ...(from?.session && { after: from.session }) });
  while (page.length > 0) {
    options.signal.throwIfAborted();
    let last: CatalogPlace | undefined;
    for (const entry of page) {
      last = { order: entry.order, namespace, parent: entry.parent, id: entry.id };
      yield { info: readEntry<SessionInfo>(entry), place: { index: 0, session: last } };
    }
    page = last ? await catalog.list({ ...query, after: last }) : [];
  }
}

async function* replaySession(
  core: EngineCore,
  options: ReplayOptions,
  matcher: EventMatcher,
  info: SessionInfo,
  place: FoundSession["place"],
  start: Start,
): AsyncGenerator<ReplayPage> {
  const key: LogKey = { namespace: options.namespace, id: info.sessionId };
  const head = await core.store.log.head(key);
  if (!head) return;
  const { logId } = head;
  const replayHash = replayHashOf(options);
  const runs = new Runs(core, options, matcher, key, info);
  const isOfThisLog = start.logId === undefined || start.logId === logId;
  let after = Math.max(isOfThisLog ? start.sequence : 0, head.firstSequence - 1);
  while (after < head.headSequence) {
    options.signal.throwIfAborted();
    const batches = await readPage(core, key, after, logId);
    if (batches.length === 0) return;
    const events: SessionEvent[] = [];
    const places: number[] = [];
    for (const batch of batches) {
      if (batch.lastSequence <= after) continue;
      for (const found of framesOf(batch)) {
        const { sequence, event, bytes } = found;
        if (sequence <= after || sequence > head.headSequence) continue;
        after = sequence;
        if (event.type === "RUN_STARTED") await runs.enter(event.runId, sequence);
        const run = await runs.at(sequence);
        if (!run || !matcher.type(event.type)) continue;
        const { runId, agentId } = run;
        const time = isTime(event.timestamp) ? event.timestamp : run.createTime;
        events.push({ sessionId: key.id, runId, agentId, sequence, logId, time, event, bytes });
        places.push(sequence);
      }
      after = Math.max(after, Math.min(batch.lastSequence, head.headSequence));
    }
    const end = after;
    yield {
      events,
      cursorAfter: (index) =>
        writeReplayCursor(replayHash, { ...place, logId, sequence: places[index] ?? end }),
    };
    after = Math.max(after, runs.skipTo - 1);
  }
}

/** A page of events; from the first that is kept where those before were trimmed; none where the log is gone. */
async function readPage(core: EngineCore, key: LogKey, after: number, logId: string): Promise<EventBatch[]> {
  try {
    const page = await core.store.log.read(key, { after, maxBytes: pageBytes });
    if (page.head.logId !== logId) return [];
    return page.chunks.map(({ bytes }) => new EventBatch(logId, bytes));
  } catch (error) {
    if (error instanceof LogNotFoundError) return [];
    if (!(error instanceof TrimmedError)) throw error;
    const head = await core.store.log.head(key);
    if (head?.logId !== logId || head.firstSequence <= after + 1) return [];
    return readPage(core, key, head.firstSequence - 1, logId);
  }
}

function framesOf(batch: EventBatch): Pick<SessionEvent, "sequence" | "event" | "bytes">[] {
  const found: Pick<SessionEvent, "sequence" | "event" | "bytes">[] = [];
  readFrames(batch.frames, ({ sequence, start, end, json }) => {
    if (json) return;
    const event = decodeEvent(batch.frames, start, end);
    found.push({ sequence, event, bytes: batch.frames.subarray(start, end) });
  });
  return found;
}

/** Whether a time that an agent gave is one between the years 1 and 9999, as timestamps have to be. */
function isTime(time: number | undefined): time is number {
  return time !== undefined && time >= -62_135_596_800_000 && time <= 253_402_300_799_999;
}

/** Knows which run a reader of a log is in, and whether it is wanted. */
class Runs {
  /** The run that the next events belong to; undefined where it is not wanted. */
  #current: RunInfo | undefined;
  /** The last event that is known to be of it. */
  #lastSequence = 0;
  /** The first sequence that may be wanted again. */
  skipTo = 0;
  readonly #core: EngineCore;
  readonly #options: ReplayOptions;
  readonly #matcher: EventMatcher;
  readonly #key: LogKey;
  readonly #session: SessionInfo;

  constructor(
    core: EngineCore,
    options: ReplayOptions,
    matcher: EventMatcher,
    key: LogKey,
    session: SessionInfo,
  ) {
    this.#core = core;
    this.#options = options;
    this.#matcher = matcher;
    this.#key = key;
    this.#session = session;
  }

  /** A run begins. */
  async enter(runId: string, sequence: number): Promise<void> {
    const { namespace, id: parent } = this.#key;
    const entry = await this.#core.store.catalog.get({ namespace, kind: "run", parent, id: runId });
    const run = entry && readEntry<RunInfo>(entry);
    // The events of an agent whose events are not checked may name any run.
    if (run && isIn(run, sequence)) this.#use(run);
    else await this.#search(sequence);
  }

  /** The run of an event, if it is wanted. */
  async at(sequence: number): Promise<RunInfo | undefined> {
    if (sequence > this.#lastSequence) await this.#search(sequence);
    return this.#current;
  }

  /** The reader is in the midst of a run, or in one that did not say that it began. */
  async #search(sequence: number): Promise<void> {
    const { namespace, id: parent } = this.#key;
    const query = { namespace, kind: "run", parent, limit: 1_000 };
    for (let page = await this.#core.store.catalog.list(query); page.length > 0; ) {
      const run = page.map((entry) => readEntry<RunInfo>(entry)).find((found) => isIn(found, sequence));
      if (run) return this.#use(run);
      const last = page[page.length - 1];
      page = last ? await this.#core.store.catalog.list({ ...query, after: last }) : [];
    }
    this.#use(undefined);
  }

  #use(run: RunInfo | undefined): void {
    this.#current = run && this.#isWanted(run) ? run : undefined;
    this.#lastSequence = run?.endTime === undefined ? Number.POSITIVE_INFINITY : run.lastSequence;
    if (run?.endTime !== undefined && !this.#current) this.skipTo = run.lastSequence + 1;
  }

  #isWanted(run: RunInfo): boolean {
    const { startTime = 0, endTime = Number.POSITIVE_INFINITY } = this.#options;
    const isInTime = run.createTime < endTime && (run.endTime ?? Number.POSITIVE_INFINITY) >= startTime;
    return isInTime && this.#matcher.run(run.runId, run.agentId || this.#session.agentId);
  }
}

function isIn({ firstSequence, lastSequence, endTime }: RunInfo, sequence: number): boolean {
  return (
    firstSequence > 0 && firstSequence <= sequence && (endTime === undefined || sequence <= lastSequence)
  );
}
