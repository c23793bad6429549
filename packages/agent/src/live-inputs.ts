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

/** How many inputs may wait to be read by an agent. */
const waitingMaxDefault = 256;

/**
 * What is said to one agent while it works: written by its host, read once by the agent.
 *
 * Nothing is taken before the agent reads, so that a host can tell whether it is heard.
 */
export class LiveInputs implements AsyncIterable<LiveInput> {
  readonly #waitingMax: number;
  #waiting: LiveInput[] = [];
  #wake: (() => void) | undefined;
  #isRead = false;
  #isEnded = false;

  /** @param waitingMax how many inputs may wait; default 256 */
  constructor(waitingMax: number = waitingMaxDefault) {
    this.#waitingMax = waitingMax;
  }

  /** Whether the agent reads: it is live. */
  get isRead(): boolean {
    return this.#isRead && !this.#isEnded;
  }

  /** Whether one more input can be taken now. */
  get hasRoom(): boolean {
    return this.isRead && this.#waiting.length < this.#waitingMax;
  }

  /** Hands an input to the agent. Returns false, and takes nothing, if it does not read or too much waits. */
  push(input: LiveInput): boolean {
    if (!this.hasRoom) return false;
    this.#waiting.push(input);
    this.#kick();
    return true;
  }

  /** Ends the inputs, and returns those that the agent never took. */
  end(): readonly LiveInput[] {
    this.#isEnded = true;
    const left = this.#waiting;
    this.#waiting = [];
    this.#kick();
    return left;
  }

  [Symbol.asyncIterator](): AsyncIterator<LiveInput> {
    this.#isRead = true;
    return {
      next: async () => {
        while (this.#waiting.length === 0) {
          if (this.#isEnded) return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        return { done: false, value: this.#waiting.shift() as LiveInput };
      },
      return: async () => {
        this.#isRead = false;
        return { done: true, value: undefined };
      },
    };
  }

  #kick(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
