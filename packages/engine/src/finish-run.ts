import type { RunErrorEvent, RunFinishedEvent } from "@dragoman/agui";
import { FencedError, LimitError, StoreClosedError } from "@dragoman/event-log";
import type { ActiveRun } from "./active-run.ts";
import type { RunInfo, RunState } from "./entries.ts";
import { type ExecuteContext, runErrorCodes } from "./execute-context.ts";
import { interruptsIn, openingsOf } from "./interrupts/open.ts";
import { whyUnanswerable } from "./interrupts/unanswerable.ts";
import { countMessages } from "./reconcile-messages.ts";
import type { Session } from "./session.ts";

/** How a run ended. */
export interface Ending {
  readonly warningCount: number;
  readonly droppedEventCount: number;
  /** The terminal event of the agent. */
  readonly terminal?: {
    readonly event: RunFinishedEvent | RunErrorEvent;
    readonly bytes: Uint8Array | undefined;
  };
  /** The host ends it: what is open is closed, and RUN_ERROR says this. */
  readonly refusal?: { readonly code: string; readonly message: string };
}

const firstRetryMs = 100;
const lastRetryMs = 5_000;

/**
 * Appends the terminal event of a run together with what it means for the catalog.
 *
 * Everything before it is made durable first, so that what is closed is exactly what readers see open.
 * If the store takes nothing, this waits and tries again: a run never just stops.
 */
export async function finishRun(
  session: Session,
  run: ActiveRun,
  ending: Ending,
  context: ExecuteContext,
): Promise<void> {
  let current = ending;
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, lastRetryMs)) {
    try {
      const info = await writeEnding(session, run, current, context);
      session.active = undefined;
      run.end(info);
      session.notify();
      session.hub.run(info);
      return;
    } catch (error) {
      if (error instanceof FencedError || error instanceof StoreClosedError || context.closed.aborted) {
        session.active = undefined;
        run.end(run.info);
        session.notify();
        throw error;
      }
      current = { ...current, refusal: refusalOf(error, current) };
      await sleep(delayMs, context.closed);
      // Who gave up must not take the log from who comes next.
      if (!context.closed.aborted) await session.recoverWriter().catch(() => undefined);
    }
  }
}

/** What a run ends with where its own ending could not be written. */
function refusalOf(error: unknown, ending: Ending): NonNullable<Ending["refusal"]> {
  if (ending.refusal) return ending.refusal;
  if (error instanceof LimitError || error instanceof RangeError) {
    return { code: runErrorCodes.unstorable, message: `The end of the run cannot be kept: ${error.message}` };
  }
  const message = "The store took no more events; what was sent after the last event was lost.";
  return { code: runErrorCodes.storage, message };
}

type Terminal = RunFinishedEvent | RunErrorEvent | undefined;

async function writeEnding(
  session: Session,
  run: ActiveRun,
  ending: Ending,
  context: ExecuteContext,
): Promise<RunInfo> {
  const writer = await session.write();
  await writer.flush();
  // Where the answer to an append was lost, the log may hold the end already: it has no other.
  const isWritten =
    session.fold.lastStarted?.runId === run.info.runId && session.fold.lastTerminal !== undefined;
  const refusal = isWritten
    ? undefined
    : (ending.refusal ?? interruptRefusal(session, ending.terminal?.event, context));
  const terminal = refusal || isWritten ? undefined : ending.terminal;
  let event: Terminal = terminal?.event;
  if (refusal) {
    for (const closer of session.fold.closers()) writer.push(closer);
    event = { type: "RUN_ERROR", ...refusal };
  }
  if (event) writer.push(event, terminal?.bytes);
  event ??= session.fold.lastTerminal; // an unverified run wrote its own
  const now = context.now();
  const openings = openingsOf(session, run.info, event, now);
  const info: RunInfo = {
    ...run.info,
    ...verdictOf(event),
    endTime: now,
    lastSequence: Math.max(writer.nextSequence - 1, run.info.firstSequence - 1),
    warningCount: run.info.warningCount + ending.warningCount,
    droppedEventCount: run.info.droppedEventCount + ending.droppedEventCount,
  };
  const checkpoint = refusal ? [] : session.checkpointIfDue();
  const messageCount = countMessages(session.fold.messages);
  run.isEnding = true;
  const entries = session.entriesFor(info, { messageCount });
  writer.add(openings.records, [...entries, ...session.interruptEntries(openings.infos), ...checkpoint]);
  await writer.flush();
  const open = openings.infos.filter(({ state }) => state === "open");
  session.openInterrupts = [...session.openInterrupts, ...open];
  session.hub.interrupts(openings.infos);
  // It may have been ended while this was written.
  if (session.info.state !== "active" && open.length > 0) await session.saveInfo();
  return info;
}

/** Why a run cannot end with what its agent asked: more would wait than a session can hold, or nobody could answer. */
function interruptRefusal(session: Session, event: Terminal, { limits }: ExecuteContext): Ending["refusal"] {
  const max = limits.openInterruptsMax;
  const interrupts = interruptsIn(event);
  const count = interrupts.length + session.openInterrupts.length;
  const unanswerable = count <= max ? whyUnanswerable(interrupts) : undefined;
  if (unanswerable !== undefined) return { code: runErrorCodes.unstorable, message: unanswerable };
  if (count <= max) return undefined;
  const message = `${count} interrupts would wait in the session, more than ${max} (openInterruptsMax).`;
  return { code: runErrorCodes.limit, message };
}

function verdictOf(event: RunFinishedEvent | RunErrorEvent | undefined) {
  if (event?.type === "RUN_ERROR") {
    const errorCode = event.code ?? "";
    return { state: "failed" as RunState, errorMessage: event.message, errorCode };
  }
  const outcomes = { success: "succeeded", interrupt: "interrupted", cancelled: "canceled" } as const;
  return { state: outcomes[event?.outcome?.type ?? "success"] as RunState };
}

function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
