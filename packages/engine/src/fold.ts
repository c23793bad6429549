import {
  type AguiEvent,
  createReducer,
  createVerifier,
  type History,
  type Message,
  type Reducer,
  type RunErrorEvent,
  type RunFinishedEvent,
  type RunStartedEvent,
  sameValue,
  snapshotPrelude,
  type ToolCall,
  type Verifier,
} from "@dragoman/agui";
import { originOf } from "./origin.ts";

/** What a checkpoint keeps of a fold, so that a session opens without reading its whole log. */
export interface FoldCheckpoint {
  readonly sequence: number;
  readonly messages: readonly Message[];
  readonly state: unknown;
  readonly stateRevision: number;
  readonly echoState: unknown;
  readonly lastStarted: RunStartedEvent | undefined;
  readonly lastTerminal: RunFinishedEvent | RunErrorEvent | undefined;
}

/**
 * What the durable events of a session mean: its messages, its state, and what is open.
 *
 * Applied only to events that are in the log, so that whatever is read from it can be shown.
 */
export class SessionFold {
  readonly #reducer: Reducer;
  #verifier: Verifier;
  #unchecked = false;
  #sequence = 0;
  #stateRevision = 0;
  #echoState: unknown = {};
  #lastStarted: RunStartedEvent | undefined;
  #lastTerminal: RunFinishedEvent | RunErrorEvent | undefined;

  constructor(checkpoint?: FoldCheckpoint) {
    this.#reducer = createReducer(
      checkpoint ? { messages: [...checkpoint.messages], state: checkpoint.state } : {},
    );
    this.#verifier = createVerifier({ history: this.#reducer });
    if (!checkpoint) return;
    this.#sequence = checkpoint.sequence;
    this.#stateRevision = checkpoint.stateRevision;
    this.#echoState = checkpoint.echoState;
    this.#lastStarted = checkpoint.lastStarted;
    this.#lastTerminal = checkpoint.lastTerminal;
  }

  /** The last event that is part of this. */
  get sequence(): number {
    return this.#sequence;
  }
  /** The history. Do not change it; copy what outlives the next event. */
  get messages(): readonly Message[] {
    return this.#reducer.messages;
  }
  /** The shared state. Do not change it. */
  get state(): unknown {
    return this.#reducer.state;
  }
  /** The sequence of the last event that changed the state. */
  get stateRevision(): number {
    return this.#stateRevision;
  }
  /** The state at the end of the last run of an agent, which clients send back without meaning a change. */
  get echoState(): unknown {
    return this.#echoState;
  }
  /** The last RUN_STARTED. */
  get lastStarted(): RunStartedEvent | undefined {
    return this.#lastStarted;
  }
  /** The terminal event of the last run, once it ended. */
  get lastTerminal(): RunFinishedEvent | RunErrorEvent | undefined {
    return this.#lastTerminal;
  }

  /** Applies a durable event; `undefined` is one that has only a JSON form and means nothing here. */
  apply(sequence: number, event: AguiEvent | undefined): void {
    this.#sequence = sequence;
    if (event === undefined) return;
    this.#track(event); // before the reducer, which is its history
    const before = this.#reducer.state;
    this.#reducer.push(event);
    switch (event.type) {
      case "RUN_STARTED":
        this.#lastStarted = event;
        this.#lastTerminal = undefined;
        break;
      case "RUN_FINISHED":
      case "RUN_ERROR":
        this.#lastTerminal = event;
        if (this.#lastStarted && originOf(this.#lastStarted) === "agent") {
          this.#echoState = this.#reducer.state; // never changed in place
        }
        break;
      case "STATE_SNAPSHOT":
      case "STATE_DELTA":
        // A patch may not apply, and a run that begins may show the state as it is.
        if (!sameValue(this.#reducer.state, before)) this.#stateRevision = sequence;
        break;
      default:
    }
  }

  /** A tool call of the history, and the subagent that made it. Do not change it. */
  toolCall(id: string): { readonly call: ToolCall; readonly subagentRunId: string | undefined } | undefined {
    const call = this.#reducer.toolCall(id);
    return call && { call, subagentRunId: this.#reducer.ownerOf("toolCall", id)?.subagentRunId };
  }

  /** The events that close all that is open, in a legal order. */
  closers(): AguiEvent[] {
    return this.#verifier.closeOpen();
  }

  /**
   * What a reader that holds nothing is given before the tail, in an order that AG-UI's clients accept; with
   * the terminal event where the last run has ended. Empty while there was no run.
   */
  prelude(): AguiEvent[] {
    if (!this.#lastStarted) return [];
    const events = snapshotPrelude(this.#lastStarted, this.#verifier, this.#reducer);
    return this.#lastTerminal ? [...events, this.#lastTerminal] : events;
  }

  /** What the order of a further run's events is checked against. */
  get history(): History {
    return this.#reducer;
  }

  /** A copy to store. */
  checkpoint(): FoldCheckpoint {
    return {
      sequence: this.#sequence,
      messages: this.#reducer.snapshotMessages(),
      state: this.state,
      stateRevision: this.#stateRevision,
      echoState: this.#echoState,
      lastStarted: this.#lastStarted,
      lastTerminal: this.#lastTerminal,
    };
  }

  /** Unverified runs may break the rules; then nothing is known to be open. */
  #track(event: AguiEvent): void {
    if (event.type === "RUN_STARTED") this.#unchecked = false;
    if (this.#unchecked) return;
    try {
      this.#verifier.push(event);
    } catch {
      this.#unchecked = true;
      this.#verifier = createVerifier({ history: this.#reducer });
    }
  }
}
