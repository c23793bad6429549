import type { JsonPatchOperation, Message, ResumeEntry } from "@dragoman/agui";

/** Something that is said to an agent while it works; see agent.v1.LiveSessionRequest. */
export type LiveInput =
  /** Something the user says. It is in the log already. */
  | { readonly type: "message"; readonly message: Message }
  /** The result of a tool that a client executed. It is in the log already. */
  | {
      readonly type: "tool_result";
      readonly toolCallId: string;
      readonly content: string;
      readonly error?: string;
    }
  /** The answer to an interrupt. */
  | { readonly type: "interrupt_answer"; readonly answer: ResumeEntry }
  /** A change of the shared state by somebody else, as JSON Patch on what the agent was last given. */
  | { readonly type: "state_patch"; readonly patch: readonly JsonPatchOperation[] }
  /** Control over the run. Being cancelled is told by the signal. */
  | { readonly type: "control"; readonly action: "pause" | "resume" };

/** What is said to an agent while it works, as the agent sees it. */
export interface LiveInputSource extends AsyncIterable<LiveInput> {
  /**
   * Reads for somebody else that the inputs are handed on to: each counts as taken only once `taken` says so. Used
   * in place of the iterator, where a host has it.
   */
  handOn?(): HandedInputs;
}

/** Inputs that are handed on. */
export interface HandedInputs extends AsyncIterator<LiveInput> {
  /** Tells that whoever the input was handed to has taken it. */
  taken(input: LiveInput): void;
}

/** How inputs are kept. */
export interface LiveInputsOptions {
  /** How many inputs may wait, or be on their way to somebody else. Default 256. */
  readonly waitingMax?: number;
  /** Whether inputs wait also for an agent that does not read yet. Default false: they are not taken then. */
  readonly waitsForReader?: boolean;
}

/** An input, and what to call when the agent took it. */
interface Waiting {
  readonly input: LiveInput;
  readonly onTaken: (() => void) | undefined;
}

/**
 * What is said to one agent while it works: written by its host, read once by the agent.
 *
 * Unless told otherwise it takes nothing before the agent reads, so that a host can tell whether it is heard.
 */
export class LiveInputs implements LiveInputSource {
  readonly #waitingMax: number;
  readonly #waitsForReader: boolean;
  readonly #handed = new Map<LiveInput, Waiting>();
  #waiting: Waiting[] = [];
  /** Those who wait for the next input, in their order. */
  #wakes: (() => void)[] = [];
  #isRead = false;
  #readerNumber = 0;
  #isEnded = false;

  constructor({ waitingMax = 256, waitsForReader = false }: LiveInputsOptions = {}) {
    this.#waitingMax = waitingMax;
    this.#waitsForReader = waitsForReader;
  }

  /** Whether the agent reads: it is live. */
  get isRead(): boolean {
    return this.#isRead && !this.#isEnded;
  }

  /** Whether one more input can be taken now. */
  get hasRoom(): boolean {
    return this.#isOpen && this.#waiting.length + this.#handed.size < this.#waitingMax;
  }

  /**
   * Hands an input to the agent, and calls `onTaken` when the agent took it. Returns false, and takes nothing, if it
   * does not read or too much waits. Control there is always room for: it takes the place of what it makes obsolete.
   */
  push(input: LiveInput, onTaken?: () => void): boolean {
    if (!this.#isOpen) return false;
    if (!this.hasRoom) {
      if (input.type !== "control") return false;
      this.#waiting = this.#waiting.filter((one) => one.input.type !== "control");
    }
    this.#waiting.push({ input, onTaken });
    this.#kick();
    return true;
  }

  /** Ends the inputs, and returns those that the agent never took. */
  end(): readonly LiveInput[] {
    this.#isEnded = true;
    const left = [...this.#handed.values(), ...this.#waiting];
    this.#handed.clear();
    this.#waiting = [];
    this.#kick();
    return left.map(({ input }) => input);
  }

  [Symbol.asyncIterator](): AsyncIterator<LiveInput> {
    return this.#read(({ onTaken }) => onTaken?.());
  }

  handOn(): HandedInputs {
    const reader = this.#read((waiting) => this.#handed.set(waiting.input, waiting));
    const taken = (input: LiveInput) => {
      const handed = this.#handed.get(input);
      if (this.#handed.delete(input)) handed?.onTaken?.();
    };
    return Object.assign(reader, { taken });
  }

  get #isOpen(): boolean {
    return this.isRead || (this.#waitsForReader && !this.#isEnded);
  }

  /** A run may call its agent more than once: whoever begins to read is the only reader from then on. */
  #read(onNext: (waiting: Waiting) => void): AsyncIterator<LiveInput> {
    this.#isRead = true;
    this.#readerNumber += 1;
    const own = this.#readerNumber;
    this.#kick();
    return {
      next: async () => {
        for (;;) {
          if (own !== this.#readerNumber) return { done: true, value: undefined };
          const next = this.#waiting.shift();
          if (next) {
            onNext(next);
            return { done: false, value: next.input };
          }
          if (this.#isEnded) return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#wakes.push(resolve);
          });
        }
      },
      return: async () => {
        if (own === this.#readerNumber) {
          this.#isRead = false;
          this.#readerNumber += 1;
          this.#kick();
        }
        return { done: true, value: undefined };
      },
    };
  }

  #kick(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}
