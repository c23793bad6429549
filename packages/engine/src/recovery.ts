import type { Message } from "@dragoman/agui";
import type { Catalog, LogKey } from "@dragoman/event-log";
import { ActiveRun } from "./active-run.ts";
import { type RunInfo, readEntry } from "./entries.ts";
import { type ExecuteContext, runErrorCodes } from "./execute-context.ts";
import { finishRun } from "./finish-run.ts";
import { decodeRecord } from "./records.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { RunRequest } from "./start-run.ts";

/** A run that had not begun when the process ended. */
export interface QueuedRun {
  readonly info: RunInfo;
  readonly request: RunRequest;
}

const parallelSessions = 16;
const runsPerPage = 1_000;
const lost = {
  code: runErrorCodes.nodeLost,
  message: "The server stopped while the run was active; nobody knows how far the agent got.",
};

/**
 * Ends every run that the catalog shows as running: what is open is closed, and RUN_ERROR says that its node
 * was lost, or RUN_FINISHED that it was cancelled where that was the durable intent. Runs that had not begun
 * are handed to `requeue`, oldest first.
 */
export async function recoverRuns(
  catalog: Catalog,
  sessions: Sessions,
  context: ExecuteContext,
  requeue: (session: Session, run: QueuedRun) => void,
): Promise<void> {
  const open = await openRuns(catalog);
  const bySession = new Map<string, RunInfo[]>();
  for (const run of open) {
    const key = JSON.stringify([run.namespace, run.sessionId]);
    bySession.set(key, [...(bySession.get(key) ?? []), run]);
  }
  const waiting = [...bySession.values()];
  const work = async () => {
    for (let runs = waiting.shift(); runs; runs = waiting.shift())
      await recoverSession(sessions, runs, context, requeue);
  };
  await Promise.all(Array.from({ length: parallelSessions }, work));
}

async function openRuns(catalog: Catalog): Promise<RunInfo[]> {
  const runs: RunInfo[] = [];
  const query = { kind: "run", states: ["running", "queued"], limit: runsPerPage };
  // A page may be short because its entries are large: only an empty one is the end.
  for (let page = await catalog.list(query); page.length > 0; ) {
    runs.push(...page.map((entry) => readEntry<RunInfo>(entry)));
    const last = page[page.length - 1];
    page = last ? await catalog.list({ ...query, after: last }) : [];
  }
  return runs.sort((a, b) => a.createTime - b.createTime || a.inputRecord - b.inputRecord);
}

async function recoverSession(
  sessions: Sessions,
  runs: readonly RunInfo[],
  context: ExecuteContext,
  requeue: (session: Session, run: QueuedRun) => void,
): Promise<void> {
  const first = runs[0];
  if (!first) return;
  const key: LogKey = { namespace: first.namespace, id: first.sessionId };
  await sessions.use(key, async (session) => {
    for (const info of runs) if (info.state === "running") await endLostRun(session, info, context);
    for (const info of runs) {
      if (info.state !== "queued") continue;
      requeue(session, { info, request: await readRequest(session, info) });
    }
  });
}

async function endLostRun(session: Session, info: RunInfo, context: ExecuteContext): Promise<void> {
  const run = new ActiveRun(info, { action: "continue", graceMs: 0 }, () => {});
  session.active = run;
  const counts = { warningCount: 0, droppedEventCount: 0 };
  if (!info.cancelRequested) {
    await finishRun(session, run, { ...counts, refusal: lost }, context);
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

/** Reads the input of a queued run back from its record. */
async function readRequest(session: Session, info: RunInfo): Promise<RunRequest> {
  const page = await session.log.readRecords(session.key, { after: info.inputRecord - 1, maxBytes: 1 });
  const bytes = page.records[0]?.bytes;
  const record = bytes && decodeRecord(bytes);
  if (record?.type !== "input") throw new Error(`record ${info.inputRecord} is not the input of a run`);
  const input = { ...record.input, messages: [...record.messages] as Message[] };
  return {
    namespace: info.namespace,
    agentId: info.agentId,
    input,
    disconnect: { action: "continue", graceMs: 0 },
  };
}
