import type { ActiveRun } from "./active-run.ts";
import type { RunInfo } from "./entries.ts";
import { type Prelude, preludeOf } from "./prelude.ts";
import type { EventReader, ReadResult } from "./reader.ts";
import type { Session } from "./session.ts";

/** What a reader gets first; see orchestrator.v1.AttachMode. */
export type AttachMode = "default" | "tail" | "snapshot" | "beginning";

/** Where to attach. */
export interface AttachOptions {
  readonly mode?: AttachMode;
  /** Read what comes after this sequence, which is itself not read. */
  readonly after?: number;
  /** The log that `after` is a place in; empty if unknown. */
  readonly logId?: string;
  /** How long a silence may last before {@link Attachment.next} answers `idle`. */
  readonly idleMs: number;
  /** Ends the attachment. */
  readonly signal: AbortSignal;
}

/** A reader that is attached to a session or to one of its runs. Close it when done. */
export interface Attachment {
  readonly sessionId: string;
  /** The run it is attached to; empty for a session. */
  readonly runId: string;
  readonly logId: string;
  /** What to send before the tail, in mode `snapshot`. */
  readonly prelude: Prelude | undefined;
  /** Whether there was nothing to read when it was made: a session at its head without a run. */
  readonly isAtIdleHead: boolean;
  /** Whether it ends by itself when the session has nothing more to come. */
  readonly endsWhenIdle: boolean;
  /** Whether everything that is durable now was read. */
  readonly isAtHead: boolean;
  /** The sequence that was read last, or the place it was attached at. */
  readonly cursor: number;
  next(): Promise<ReadResult>;
  close(): void;
}

/** Attaches to a session: to all its runs, until it is idle, or with `follow` until it is over. */
export function attachToSession(session: Session, options: AttachOptions, follow: boolean): Attachment {
  const prelude = choosePrelude(session, options);
  const after = prelude?.sequence ?? startOf(session, options, session.firstSequence - 1);
  const ends = () => (follow ? session.isOver : session.isIdle);
  const endAt = () => (ends() ? session.headSequence : undefined);
  const reader = session.read(after, endAt, options.idleMs, options.signal);
  const held = follow ? undefined : session.active;
  held?.attach();
  const isAtIdleHead = session.isIdle && after >= session.headSequence && prelude === undefined;
  return attachment(session, "", reader, prelude, { isAtIdleHead, endsWhenIdle: !follow }, () =>
    held?.detach(),
  );
}

/** Attaches to a run: from its first event unless told otherwise, until its terminal one. */
export function attachToRun(session: Session, run: RunInfo | ActiveRun, options: AttachOptions): Attachment {
  const live = "info" in run ? run : session.liveRun(run.runId);
  if (live && live.info.firstSequence === 0) return attachWhenBegun(session, live, options);
  const info = live?.info ?? (run as RunInfo);
  const isLast = session.fold.lastStarted?.runId === info.runId;
  const prelude = isLast ? choosePrelude(session, options) : undefined;
  const after =
    prelude?.sequence ?? Math.max(startOf(session, options, info.firstSequence - 1), info.firstSequence - 1);
  const endAt = live ? () => (live.isEnded ? live.info.lastSequence : undefined) : () => info.lastSequence;
  const reader = session.read(after, endAt, options.idleMs, options.signal);
  live?.attach();
  const idle = { isAtIdleHead: false, endsWhenIdle: true };
  return attachment(session, info.runId, reader, prelude, idle, () => live?.detach());
}

/** A queued run has no events yet: silence until it begins. */
function attachWhenBegun(session: Session, run: ActiveRun, options: AttachOptions): Attachment {
  run.attach();
  let inner: Attachment | undefined;
  const waiting = new WaitForBegin(run, options);
  return {
    sessionId: session.sessionId,
    runId: run.info.runId,
    logId: session.logId,
    prelude: undefined,
    isAtIdleHead: false,
    endsWhenIdle: true,
    isAtHead: true,
    get cursor() {
      return inner?.cursor ?? 0;
    },
    async next() {
      if (!inner) {
        if (!(await waiting.wait())) return "idle";
        if (run.info.firstSequence === 0) return "end";
        const { after: _after, logId: _logId, mode: _mode, ...rest } = options;
        inner = attachToRun(session, run, rest);
      }
      return inner.next();
    },
    close() {
      inner?.close();
      run.detach();
    },
  };
}

class WaitForBegin {
  readonly #run: ActiveRun;
  readonly #options: AttachOptions;
  constructor(run: ActiveRun, options: AttachOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Whether the run began before the silence got too long. */
  async wait(): Promise<boolean> {
    const { signal, idleMs } = this.#options;
    signal.throwIfAborted();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let abort = () => {};
    const quiet = new Promise<boolean>((resolve) => {
      abort = () => resolve(false);
      timer = setTimeout(abort, idleMs);
      signal.addEventListener("abort", abort, { once: true });
    });
    try {
      return await Promise.race([this.#run.begun.then(() => true), quiet]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      signal.throwIfAborted();
    }
  }
}

function choosePrelude(session: Session, { mode }: AttachOptions): Prelude | undefined {
  return mode === "snapshot" ? preludeOf(session.fold) : undefined;
}

function startOf(session: Session, { mode, after, logId }: AttachOptions, first: number): number {
  const cursor = mode === "beginning" ? undefined : after;
  if (cursor === undefined) return first;
  session.checkCursor(cursor, logId ?? "");
  return cursor;
}

function attachment(
  session: Session,
  runId: string,
  reader: EventReader,
  prelude: Prelude | undefined,
  idle: Pick<Attachment, "isAtIdleHead" | "endsWhenIdle">,
  release: () => void,
): Attachment {
  let isClosed = false;
  session.users++;
  return {
    sessionId: session.sessionId,
    runId,
    logId: session.logId,
    prelude,
    ...idle,
    get isAtHead() {
      return reader.cursor >= session.headSequence;
    },
    get cursor() {
      return reader.cursor;
    },
    next: () => reader.next(),
    close() {
      if (isClosed) return;
      isClosed = true;
      session.users--;
      reader.close();
      release();
    },
  };
}
