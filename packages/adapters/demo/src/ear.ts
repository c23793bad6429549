import type { LiveInput, LiveInputSource } from "@dragoman/agent";
import { requestText } from "./read-request.ts";

/** Hears what the user says while a scene plays. */
export class Ear {
  readonly #reader: AsyncIterator<unknown> | undefined;
  readonly #heard: string[] = [];
  #wake = () => {};

  /** Listens at once, where there is anybody to listen to. */
  constructor(inputs: LiveInputSource | undefined) {
    if (inputs === undefined) return;
    const reader = inputs[Symbol.asyncIterator]();
    this.#reader = reader;
    void this.#listen(reader);
  }

  /** Whether something was said that was not taken. */
  get hasNews(): boolean {
    return this.#heard.length > 0;
  }

  /** What was said first, without politeness and punctuation around it. */
  take(): string | undefined {
    return this.#heard.shift();
  }

  /** Resolves when something is said. */
  news(): Promise<void> {
    if (this.hasNews) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Listens no more. What was said before is still to be taken. */
  async close(): Promise<void> {
    await this.#reader?.return?.();
  }

  async #listen(reader: AsyncIterator<LiveInput>): Promise<void> {
    for (let next = await reader.next(); !next.done; next = await reader.next()) {
      if (next.value.type !== "message") continue;
      this.#heard.push(requestText({ messages: [next.value.message] }));
      this.#wake();
    }
  }
}
