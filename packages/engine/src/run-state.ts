import {
  type AguiEvent,
  applyPatch,
  diffState,
  type Json,
  PatchError,
  rebaseState,
  type StateDeltaEvent,
  type StateSnapshotEvent,
  sameValue,
  ViolationError,
} from "@dragoman/agui";
import { StateSize } from "./state/state-size.ts";

/**
 * The shared state while a run is active: what it is, and what the agent takes it for.
 *
 * An agent goes on with the state that it was given. Once others changed it, what the agent writes is taken as a
 * difference to what it knows and applied to what there is: on the same path the agent wins, and no write to a
 * path that nobody else wrote is lost.
 */
export class RunState {
  #current: unknown;
  /** What the agent takes the state for: what it was given, and its own writes. */
  #known: unknown;
  #revision: number;
  /** Whether the event that was returned last changes the state. */
  #isChange = false;
  readonly #size: StateSize;
  readonly #eventMaxBytes: number;

  constructor(state: unknown, revision: number, eventMaxBytes: number) {
    this.#size = new StateSize(eventMaxBytes);
    this.#eventMaxBytes = eventMaxBytes;
    this.#current = state;
    this.#known = state;
    this.#revision = revision;
  }

  /** The state as of what is written. Do not change it. */
  get current(): unknown {
    return this.#current;
  }

  /** The sequence of the event that changed it last. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes a change that others made: an event of the sequence, with the state after it. */
  changed(state: unknown, sequence: number): void {
    this.#size.forget();
    this.#current = state;
    this.#revision = sequence;
  }

  /** The agent is called again: it is given the state as it is. */
  given(): void {
    this.#known = this.#current;
  }

  /** Tells the sequence of an event that {@link fromAgent} returned. */
  wrote(sequence: number): void {
    if (this.#isChange) this.#revision = sequence;
  }

  /**
   * Returns the event to append for a change that the agent made; undefined if there is nothing to append. Throws a
   * ViolationError for a patch that makes what no snapshot can show.
   *
   * @param bytes the encoded event, where it is at hand
   */
  fromAgent(event: StateSnapshotEvent | StateDeltaEvent, bytes?: Uint8Array): AguiEvent | undefined {
    const before = this.#current;
    const written = event.type === "STATE_SNAPSHOT" ? this.#snapshot(event) : this.#delta(event);
    if (event.type === "STATE_SNAPSHOT") this.#size.forget();
    else if (this.#current !== before) this.#assertShowable(before, event, bytes);
    this.#isChange = !sameValue(this.#current as Json, before as Json);
    return written;
  }

  /** A snapshot is an event, whose size is limited; patches can make a state that is none. */
  #assertShowable(before: unknown, { delta }: StateDeltaEvent, bytes: Uint8Array | undefined): void {
    if (bytes === undefined || delta.some(({ op }) => op === "copy")) this.#size.forget();
    const excess = this.#size.excess(this.#current, before, bytes?.length ?? 0);
    if (excess === undefined) return;
    throw new ViolationError(
      "patch_result_unshowable",
      `STATE_DELTA cannot be kept: the state would have ${excess} bytes as one event, more than ${this.#eventMaxBytes} (eventMaxBytes)`,
    );
  }

  #snapshot(event: StateSnapshotEvent): AguiEvent {
    if (this.#current === this.#known) {
      this.#current = this.#known = event.snapshot;
      return event;
    }
    const snapshot = rebaseState({ base: this.#known, theirs: this.#current, ours: event.snapshot });
    this.#known = event.snapshot;
    this.#current = snapshot;
    return { ...event, snapshot };
  }

  #delta(event: StateDeltaEvent): AguiEvent | undefined {
    if (this.#current === this.#known) {
      const next = tryPatch(this.#known, event);
      // One that does not apply is kept, and skipped by every fold.
      if (next) this.#current = this.#known = next.state;
      return event;
    }
    const ours = tryPatch(this.#known, event);
    if (!ours) return this.#onCurrent(event);
    const merged = rebaseState({ base: this.#known, theirs: this.#current, ours: ours.state });
    const delta = diffState(this.#current, merged);
    this.#known = ours.state;
    this.#current = merged;
    return delta.length === 0 ? undefined : { ...event, delta };
  }

  /** A live agent may write what only makes sense after the changes that it was told of. */
  #onCurrent(event: StateDeltaEvent): AguiEvent {
    const next = tryPatch(this.#current, event);
    if (next) this.#current = next.state;
    return event;
  }
}

function tryPatch(state: unknown, { delta }: StateDeltaEvent): { readonly state: unknown } | undefined {
  try {
    return { state: applyPatch(state as never, delta) };
  } catch (error) {
    // Clients would go on with a state that nothing of ours can show them.
    if (error instanceof PatchError && error.isUnshowable)
      throw new ViolationError("patch_result_unshowable", `STATE_DELTA cannot be kept: ${error.message}`);
    return undefined;
  }
}
