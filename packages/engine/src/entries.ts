import type { Context, Interrupt, JsonObject, ResumeEntry, Tool } from "@dragoman/agui";
import type { CatalogEntry } from "@dragoman/event-log";
import type { Created } from "./creation.ts";

/** Where a run is in its life. */
export type RunState = "queued" | "running" | "succeeded" | "failed" | "canceled" | "interrupted";

/** A run as the catalog has it. Times are milliseconds since 1970. */
export interface RunInfo extends Created {
  readonly namespace: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly agentId: string;
  readonly state: RunState;
  /** Hex of the fingerprint of its input; see {@link fingerprintOf}. */
  readonly fingerprint: string;
  /** The number of the record that holds its input. */
  readonly inputRecord: number;
  /** The sequence of its first event; 0 before there is one. */
  readonly firstSequence: number;
  /** The sequence of its last event, once it ended; while it runs, as of its start. */
  readonly lastSequence: number;
  readonly endTime?: number;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly parentRunId?: string;
  /** Who made it: `agent`, or what changed the session outside of a run. */
  readonly origin: string;
  /** Whether its events were delivered as they were, unchecked; for tests. */
  readonly unverified?: boolean;
  /** Whether its end must be `cancelled`, whatever happens: the intent is durable. */
  readonly cancelRequested?: boolean;
  /**
   * The number of the record of the answers that it goes on with, until its agent is called. While it is there,
   * nothing that they guard was done: after a crash the run goes on.
   */
  readonly resumeRecord?: number;
  /** Whether the server started it by itself: that nobody is connected to it does not mean that nobody wants it. */
  readonly isUnattended?: boolean;
  /** Whether it begins before others that wait in its session. */
  readonly goesFirst?: boolean;
  /** How many servers it came through to be here; absent for none. */
  readonly hops?: number;
  readonly warningCount: number;
  readonly droppedEventCount: number;
}

/** A session as the catalog has it, as of its last run boundary. */
export interface SessionInfo extends Created {
  readonly namespace: string;
  readonly sessionId: string;
  readonly updateTime: number;
  readonly agentId: string;
  readonly state: "active" | "ended" | "expired";
  readonly runCount: number;
  readonly messageCount: number;
  readonly title: string;
  /** When it was ended, or found expired. */
  readonly endTime?: number;
  /** The deadline that it missed, once it expired. */
  readonly expireTime?: number;
  /** What is to be done yet until it is over: its runs end, then the log says so. */
  readonly closing?: SessionClosing | undefined;
  readonly options?: SessionOptions;
  /** The run that made it for a sub-agent. */
  readonly parent?: SessionParent;
  /** How many sub-agents deep it is; absent for sessions of clients. */
  readonly spawnDepth?: number;
}

/** Why a session is over, or about to be. */
export type SessionEnd = "ended" | "expire_after" | "idle_timeout";

/** The durable intent that a session is over. */
export interface SessionClosing {
  readonly why: SessionEnd;
  /** Whether its state is dropped. */
  readonly dropState: boolean;
}

/** The run that delegated to the agent of a session. */
export interface SessionParent {
  readonly sessionId: string;
  readonly runId: string;
  /** Who delegated, as it said itself. */
  readonly agentId?: string;
}

/** How a session was made. */
export interface SessionOptions {
  /** Tools that every run is offered besides its own. */
  readonly tools?: readonly Tool[];
  /** Context that every run is given besides its own. */
  readonly context?: readonly Context[];
  /** How many messages its history may have; the engine's limit holds too. */
  readonly messageCountMax?: number;
  /** How long it lives, from when it is made. If absent, for ever. */
  readonly expireAfterMs?: number;
  /** How long it lives without a new event while no run is active. If absent, for ever. */
  readonly idleTimeoutMs?: number;
  /** How long it is kept after its end. If absent, as the engine is told. */
  readonly retentionMs?: number;
  /** Facts of the client's own. */
  readonly metadata?: JsonObject;
}

/** An interrupt as the catalog has it. */
export interface InterruptInfo extends Created {
  readonly namespace: string;
  readonly sessionId: string;
  /** The run that ended with it. With the id it is its key: ids are unique only per run. */
  readonly runId: string;
  /** The agent of that run. */
  readonly agentId: string;
  readonly interrupt: Interrupt;
  /** The tool that the call is of that it guards, where it guards one. */
  readonly toolName?: string;
  /** The arguments of that call, as JSON text; left out where they are long. */
  readonly toolArguments?: string;
  readonly state: "open" | "decided";
  /** The answer, once decided. */
  readonly answer?: ResumeEntry;
  readonly decideTime?: number;
  /** The run that the answer came with, where it came with one. */
  readonly decidedByRunId?: string;
  /** The run that goes on with the answer. Absent while others of its run wait, or if none does. */
  readonly resumedRunId?: string;
}

const text = new TextEncoder();
const utf8 = new TextDecoder();

function encode(value: unknown): Uint8Array {
  return text.encode(JSON.stringify(value));
}

/** Reads the value of a catalog entry that one of the functions below wrote. */
export function readEntry<T extends RunInfo | SessionInfo | InterruptInfo>(entry: CatalogEntry): T {
  return JSON.parse(utf8.decode(entry.value)) as T;
}

export function runEntry(run: RunInfo): CatalogEntry {
  const { namespace, sessionId, runId, agentId, state, order } = run;
  return {
    namespace,
    kind: "run",
    parent: sessionId,
    id: runId,
    label: agentId,
    state,
    order,
    value: encode(run),
  };
}

export function sessionEntry(session: SessionInfo): CatalogEntry {
  const { namespace, sessionId, agentId, state, order } = session;
  return {
    namespace,
    kind: "session",
    parent: "",
    id: sessionId,
    label: agentId,
    state,
    order,
    value: encode(session),
  };
}

/** The id of an interrupt within its session. */
export function interruptKeyOf(runId: string, interruptId: string): string {
  return JSON.stringify([runId, interruptId]);
}

export function interruptEntry(info: InterruptInfo): CatalogEntry {
  const { namespace, sessionId, runId, interrupt, state, order } = info;
  const id = interruptKeyOf(runId, interrupt.id);
  return {
    namespace,
    kind: "interrupt",
    parent: sessionId,
    id,
    label: interrupt.id,
    state,
    order,
    value: encode(info),
  };
}
