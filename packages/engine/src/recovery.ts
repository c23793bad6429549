import type { Catalog, CatalogEntry, LogKey } from "@dragoman/event-log";
import { ActiveRun } from "./active-run.ts";
import { type RunInfo, readEntry } from "./entries.ts";
import { EngineError, quote } from "./errors.ts";
import { type ExecuteContext, runErrorCodes } from "./execute-context.ts";
import { finishRun } from "./finish-run.ts";
import { rebuildBegun } from "./interrupts/dispatch.ts";
import { readRunInput } from "./interrupts/run-input.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { BegunRun, RunRequest } from "./start-run.ts";

/** A run that had not begun, or whose agent was not called, when the process ended. */
export interface QueuedRun {
  readonly info: RunInfo;
  readonly request: RunRequest;
}

/** What recovery needs. */
export interface RecoveryOptions {
  readonly catalog: Catalog;
  readonly sessions: Sessions;
  readonly context: ExecuteContext;
  /** Takes a run that had not begun, in the order of the queue. */
  readonly requeue: (session: Session, run: QueuedRun) => void;
  /** Takes a run that goes on with answers, and whose agent was not called; false if there is no such agent. */
  readonly goOn: (session: Session, run: QueuedRun, begun: BegunRun) => boolean;
  /** Is told of every session that could not be recovered, and of what takes too long. */
  readonly onError: (error: unknown) => void;
}

/** The runs of one session that a crash left open, or why they cannot be known. */
interface OpenSession {
  readonly key: LogKey;
  readonly runs: RunInfo[];
  unreadable?: unknown;
}

const parallelSessions = 16;
const runsPerPage = 1_000;
const namedSessionsMax = 10;
/** What a timer of Node can wait at most. */
const longestTimerMs = 2_147_483_647;
const nodeLost = {
  code: runErrorCodes.nodeLost,
  message: "The server stopped while the run was active; nobody knows how far the agent got.",
};
const agentLost = {
  code: "AGENT_NOT_FOUND",
  message: "The server stopped before it called the agent, and has no such agent any more: nothing was done.",
};

/**
 * Ends every run that the catalog shows as running: what is open is closed, and RUN_ERROR says that its node
 * was lost, or RUN_FINISHED that it was cancelled where that was the durable intent. One that goes on with
 * answers, and whose agent was not called, is handed to `goOn`. Runs that had not begun are handed to `requeue`,
 * oldest first.
 *
 * A session is closed to everybody until it is recovered. One that cannot be is reported and stays closed, as it
 * is; the others do not notice. Resolves when all are done, or after `recoveryTimeoutMs`: the rest goes on.
 */
export async function recoverRuns(options: RecoveryOptions): Promise<void> {
  const { sessions, context, onError } = options;
  const open = await openSessions(options.catalog);
  for (const { key } of open) sessions.bar(key, isRecovering(key));
  const undone = new Set(open);
  const waiting = open.values();
  const work = async () => {
    for (const session of waiting) {
      if (context.closed.aborted) return;
      await recoverOrBar(session, options);
      undone.delete(session);
    }
  };
  const all = Promise.all(Array.from({ length: parallelSessions }, work));
  if (await endsWithin(all, context.limits.recoveryTimeoutMs)) return;
  onError(takesTooLong([...undone], context.limits.recoveryTimeoutMs));
}

/** Recovers a session and lets everybody use it, or reports why it stays closed. */
async function recoverOrBar(open: OpenSession, options: RecoveryOptions): Promise<void> {
  const { sessions, context, onError } = options;
  const { key } = open;
  try {
    if (open.unreadable !== undefined) throw open.unreadable;
    await sessions.useBarred(key, (session) => recoverSession(session, open.runs, options));
    sessions.unbar(key);
  } catch (error) {
    if (context.closed.aborted) return;
    sessions.bar(key, isBroken(key));
    onError(
      new Error(`the session ${quote(key.id)} could not be recovered and is left as it is`, { cause: error }),
    );
  }
}

async function openSessions(catalog: Catalog): Promise<OpenSession[]> {
  const sessions = new Map<string, OpenSession>();
  const query = { kind: "run", states: ["running", "queued"], limit: runsPerPage };
  // A page may be short because its entries are large: only an empty one is the end.
  for (let page = await catalog.list(query); page.length > 0; ) {
    for (const entry of page) addRun(sessions, entry);
    const last = page[page.length - 1];
    page = last ? await catalog.list({ ...query, after: last }) : [];
  }
  for (const { runs } of sessions.values())
    runs.sort(
      (a, b) =>
        Number(b.goesFirst ?? false) - Number(a.goesFirst ?? false) ||
        a.createTime - b.createTime ||
        a.inputRecord - b.inputRecord,
    );
  return [...sessions.values()];
}

function addRun(sessions: Map<string, OpenSession>, entry: CatalogEntry): void {
  const { namespace, parent: id } = entry;
  const name = JSON.stringify([namespace, id]);
  const session: OpenSession = sessions.get(name) ?? { key: { namespace, id }, runs: [] };
  sessions.set(name, session);
  try {
    session.runs.push(readEntry<RunInfo>(entry));
  } catch (error) {
    session.unreadable = error;
  }
}

/** Reads everything first, so that a session that cannot be recovered is left as it is. */
async function recoverSession(
  session: Session,
  runs: readonly RunInfo[],
  { context, requeue, goOn }: RecoveryOptions,
): Promise<void> {
  const queued: QueuedRun[] = [];
  const resuming: (QueuedRun & { begun: BegunRun })[] = [];
  const lost: RunInfo[] = [];
  // A session that is about to end calls no agent any more.
  const isOpen = session.info.state === "active";
  for (const run of runs) {
    const info = isOpen ? run : { ...run, cancelRequested: true };
    if (info.state === "queued") queued.push({ info, request: await readRequest(session, info) });
    else if (info.resumeRecord === undefined || info.cancelRequested) lost.push(info);
    else {
      const request = await readRequest(session, info);
      resuming.push({ info, request, begun: await rebuildBegun(session, info) });
    }
  }
  for (const info of lost) await endLostRun(session, info, context, nodeLost);
  for (const run of resuming)
    if (!goOn(session, run, run.begun)) await endLostRun(session, run.info, context, agentLost);
  for (const run of queued) requeue(session, run);
}

function isRecovering({ id }: LogKey): EngineError {
  const message = `the session ${quote(id)} is still being recovered after a restart: try again in a moment`;
  return new EngineError("STORAGE_UNAVAILABLE", message, { session_id: id });
}

function isBroken({ id }: LogKey): EngineError {
  const message = `the session ${quote(id)} could not be recovered after a restart: look at the server's log`;
  return new EngineError("STORAGE_UNAVAILABLE", message, { session_id: id });
}

function takesTooLong(open: readonly OpenSession[], timeoutMs: number): Error {
  const ids = open.slice(0, namedSessionsMax).map(({ key }) => quote(key.id));
  const more = open.length > ids.length ? ` and ${open.length - ids.length} more` : "";
  return new Error(
    `recovery took longer than ${timeoutMs} ms (recoveryTimeoutMs) and goes on beside the server, ` +
      `which refuses calls to ${ids.join(", ")}${more} until then`,
  );
}

/** Whether a promise resolves in time. Rejects if it does so in time. */
async function endsWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.min(timeoutMs, longestTimerMs), false);
  });
  const ended = await Promise.race([promise.then(() => true), timeout]);
  clearTimeout(timer);
  return ended;
}

async function endLostRun(
  session: Session,
  info: RunInfo,
  context: ExecuteContext,
  refusal: typeof nodeLost | typeof agentLost,
): Promise<void> {
  const run = new ActiveRun(info, { action: "continue", graceMs: 0 }, () => {});
  session.active = run;
  const counts = { warningCount: 0, droppedEventCount: 0 };
  if (!info.cancelRequested) {
    await finishRun(session, run, { ...counts, refusal }, context);
    return;
  }
  const writer = await session.write();
  for (const closer of session.fold.closers()) writer.push(closer);
  const event = {
    type: "RUN_FINISHED",
    threadId: info.sessionId,
    runId: info.runId,
    outcome: { type: "cancelled" },
  } as const;
  await finishRun(session, run, { ...counts, terminal: { event, bytes: undefined } }, context);
}

/** Reads back what a run was asked. */
async function readRequest(session: Session, info: RunInfo): Promise<RunRequest> {
  const input = await readRunInput(session, info);
  const { namespace, agentId } = info;
  return { namespace, agentId, input, disconnect: { action: "continue", graceMs: 0 } };
}
