import type { AguiEvent, RunErrorEvent, RunFinishedEvent } from "@dragoman/agui";
import { type AnswerDelta, AnswerFinder } from "./answer-finder.ts";

/** Finds what a run came to in its events: its answer, and how it ended. At most `maxBytes` of text are held. */
export class AnswerFold {
  readonly #maxBytes: number;
  readonly #finder: AnswerFinder;
  #text = "";
  #bytes = 0;
  #terminal: RunFinishedEvent | RunErrorEvent | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#finder = new AnswerFinder({
      restart: () => {
        this.#text = "";
        this.#bytes = 0;
      },
      append: (text) => this.#append(text),
    });
  }

  /** How the run ended; undefined while it goes on. */
  get terminal(): RunFinishedEvent | RunErrorEvent | undefined {
    return this.#terminal;
  }

  /** The text of the answer so far; undefined if it is longer than may be held. */
  get content(): string | undefined {
    return this.#bytes > this.#maxBytes ? undefined : this.#text;
  }

  /** Takes the next event. Returns what it adds to what the agent itself says. */
  push(event: AguiEvent): AnswerDelta | undefined {
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") this.#terminal = event;
    return this.#finder.push(event);
  }

  #append(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    this.#text = this.#bytes > this.#maxBytes ? "" : this.#text + text;
  }
}
