import {
  applyChange,
  diffState,
  type Json,
  MAX_VALUE_DEPTH,
  maxStateWeight,
  type StateChange,
  StateChangeError,
  type StateDeltaEvent,
  type StateSnapshotEvent,
} from "@dragoman/agui";
import type { CatalogChange, LogKey } from "@dragoman/event-log";
import { appendChange } from "../change.ts";
import type { EngineCore } from "../core.ts";
import { encodeWithin } from "../encode-within.ts";
import { EngineError, limitReached } from "../errors.ts";
import { newId } from "../new-id.ts";
import { originMetadata } from "../origin.ts";
import type { RunPort } from "../run-port.ts";
import type { Session } from "../session.ts";
import { withPort } from "../with-port.ts";
import { changeEvent } from "./change-event.ts";
import { ChangeRequests } from "./change-requests.ts";
import { StateSize } from "./state-size.ts";
import { StateWatch, type StateWatchOptions } from "./state-watch.ts";

/** A state as it stands. */
export interface StateView {
  /** Do not change it. */
  readonly state: unknown;
  /** The sequence of the event that changed it last; 0 before the first. */
  readonly revision: number;
  readonly logId: string;
}

/** How a state is to be changed. */
export interface StateUpdate {
  readonly change: StateChange;
  /** Changes only a state of this revision. */
  readonly ifRevision?: number;
  /** A key for safe retries; empty for none. */
  readonly requestId?: string;
}

/** What a change did. */
export interface UpdatedState extends StateView {
  /** Whether there is a new event. */
  readonly changed: boolean;
}

/** The shared state of sessions: read, changed by clients, watched. */
export class SessionStates {
  readonly #core: EngineCore;
  readonly #requests: ChangeRequests;
  /** The sizes of states that were changed here last, at their revisions. */
  readonly #sizes = new WeakMap<Session, { readonly revision: number; readonly size: StateSize }>();

  constructor(core: EngineCore) {
    this.#core = core;
    this.#requests = new ChangeRequests(core);
  }

  /** Returns a state. */
  get(key: LogKey): Promise<StateView> {
    return this.#core.sessions.use(key, viewOf);
  }

  /**
   * Changes a state, as an event in the log: of the active run, or of a small run of its own.
   *
   * Rejects with STATE_CHANGE_NOT_APPLICABLE, STALE_STATE, REQUEST_EXISTS, LIMIT_REACHED, or where the session
   * takes no more changes.
   */
  update(key: LogKey, update: StateUpdate): Promise<UpdatedState> {
    this.#core.assertNotClosing();
    return this.#core.sessions.use(key, async (session) => {
      for (;;) {
        const outcome = await withPort(session, (port) => this.#change(session, port, update));
        if (outcome !== "again") return { ...viewOf(session), changed: outcome === "changed" };
      }
    });
  }

  /** Makes a change; "again" if the run ended while this was being looked at. */
  async #change(
    session: Session,
    port: RunPort | undefined,
    update: StateUpdate,
  ): Promise<"changed" | "unchanged" | "again"> {
    const request = await this.#requests.find(session, update);
    if (request.before) return request.before.changed ? "changed" : "unchanged";
    session.assertOpen();
    await session.write();
    // From here to the event nothing else may change the state: no await.
    if (port && session.active?.port !== port) return "again";
    const { current, revision } = port?.state ?? stateOf(session);
    checkRevision(update, revision);
    const next = nextState(current, update.change);
    const patch = diffState(current as Json, next);
    const catalog = request.entry(patch.length > 0);
    if (patch.length === 0) {
      await write(session, catalog);
      return "unchanged";
    }
    const event = changeEvent(update.change, next, patch);
    const size = this.#checkSize(session, { current, revision, next }, event);
    if (port) {
      const sequence = port.inject([{ ...event, metadata: originMetadata("state") }]);
      port.state.changed(next, sequence);
      port.inputs.push({ type: "state_patch", patch });
      await write(session, catalog);
    } else {
      const change = { runId: newId(), origin: "state", events: [event], catalog } as const;
      await session.writing(() => appendChange(session, change, this.#core.created()));
      this.#sizes.set(session, { revision: session.fold.stateRevision, size });
    }
    return "changed";
  }

  /** Throws LIMIT_REACHED for a change of a state that no snapshot could show afterwards. */
  #checkSize(
    session: Session,
    { current, revision, next }: { current: unknown; revision: number; next: Json },
    event: StateSnapshotEvent | StateDeltaEvent,
  ): StateSize {
    const { eventMaxBytes } = this.#core.limits;
    const known = this.#sizes.get(session);
    this.#sizes.delete(session);
    const size = known?.revision === revision ? known.size : new StateSize(eventMaxBytes);
    const excess = size.excess(next, current, encodeWithin(event, eventMaxBytes, "the change").length);
    if (excess === undefined) return size;
    throw limitReached("eventMaxBytes", eventMaxBytes, `the state would have ${excess} bytes as one event`);
  }

  /** Watches a state: as it is, then as it is after every change. Close the watch when done. */
  watch(key: LogKey, options: StateWatchOptions): Promise<StateWatch> {
    return this.#core.sessions.use(key, (session) => new StateWatch(session, options));
  }
}

async function write(session: Session, catalog: readonly CatalogChange[]): Promise<void> {
  const writer = await session.write();
  if (catalog.length > 0) writer.add([], catalog);
  await session.flush();
}

function stateOf({ fold }: Session): { readonly current: unknown; readonly revision: number } {
  return { current: fold.state, revision: fold.stateRevision };
}

const limitValues = { stateWeightMax: maxStateWeight, stateDepthMax: MAX_VALUE_DEPTH } as const;

function viewOf({ fold, logId }: Session): StateView {
  return { state: fold.state, revision: fold.stateRevision, logId };
}

function checkRevision({ ifRevision }: StateUpdate, revision: number): void {
  if (ifRevision === undefined || ifRevision === revision) return;
  throw new EngineError(
    "STALE_STATE",
    `the state is at revision ${revision}, not ${ifRevision}: read it again and decide anew`,
    { revision: String(revision) },
  );
}

function nextState(current: unknown, change: StateChange): Json {
  try {
    return applyChange(current as Json, change);
  } catch (error) {
    if (!(error instanceof StateChangeError)) throw error;
    if (error.limit !== undefined) {
      const { limit } = error;
      throw new EngineError("LIMIT_REACHED", error.message, { limit, value: String(limitValues[limit]) });
    }
    throw new EngineError("STATE_CHANGE_NOT_APPLICABLE", error.message, {
      path: error.path,
      operation_index: error.operationIndex === undefined ? "" : String(error.operationIndex),
    });
  }
}
