import type { AguiEvent, MessagesSnapshotEvent, RunErrorEvent, RunFinishedEvent } from "@dragoman/agui";

/** A message that the agent itself writes. */
interface AnswerText {
  readonly messageId: string;
  /** Its place among the messages of the run. */
  readonly order: number;
  text: string;
  bytes: number;
  isOpen: boolean;
  /** Whether it grew over the limit; then its text is dropped. */
  isTooLong: boolean;
}

/** A piece of what the agent itself says. */
export interface AnswerDelta {
  readonly messageId: string;
  readonly text: string;
}

/**
 * Finds what a run came to in its events: the text of the last assistant message that has any, and how it ended.
 *
 * What sub-agents say is not the answer. At most `maxBytes` of text are held at once.
 */
export class AnswerFold {
  readonly #maxBytes: number;
  readonly #open = new Map<string, AnswerText>();
  #last: AnswerText | undefined;
  #heldBytes = 0;
  #count = 0;
  /** The last thing that the user said in this run: what answers it comes after it. */
  #questionId: string | undefined;
  #terminal: RunFinishedEvent | RunErrorEvent | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How the run ended; undefined while it goes on. */
  get terminal(): RunFinishedEvent | RunErrorEvent | undefined {
    return this.#terminal;
  }

  /** The text of the answer so far; undefined if it is longer than may be held. */
  get content(): string | undefined {
    return this.#last?.isTooLong ? undefined : (this.#last?.text ?? "");
  }

  /** Takes the next event. Returns what it adds to what the agent itself says. */
  push(event: AguiEvent): AnswerDelta | undefined {
    switch (event.type) {
      case "RUN_STARTED":
        this.#questionId = event.input?.messages.findLast(({ role }) => role === "user")?.id;
        break;
      case "TEXT_MESSAGE_START":
        if ((event.role ?? "assistant") === "assistant" && event.subagentRunId === undefined)
          this.#begin(event.messageId);
        break;
      case "TEXT_MESSAGE_CONTENT":
        return this.#append(event.messageId, event.delta);
      case "TEXT_MESSAGE_END":
        this.#end(event.messageId);
        break;
      case "MESSAGES_SNAPSHOT":
        this.#adopt(event.messages);
        break;
      case "RUN_FINISHED":
      case "RUN_ERROR":
        this.#terminal = event;
        break;
      default:
    }
    return undefined;
  }

  #begin(messageId: string): void {
    // A message that was ended and begins again goes on where it was.
    if (this.#last?.messageId === messageId) {
      this.#last.isOpen = true;
      this.#open.set(messageId, this.#last);
      return;
    }
    this.#open.set(messageId, this.#newText(messageId, true));
  }

  #newText(messageId: string, isOpen: boolean): AnswerText {
    this.#count++;
    return { messageId, order: this.#count, text: "", bytes: 0, isOpen, isTooLong: false };
  }

  #append(messageId: string, delta: string): AnswerDelta | undefined {
    const message = this.#open.get(messageId);
    if (message === undefined) return undefined;
    this.#hold(message, delta);
    return { messageId, text: delta };
  }

  #hold(message: AnswerText, text: string): void {
    if (text === "") return;
    if (this.#last === undefined || message.order > this.#last.order) {
      const before = this.#last;
      this.#last = message;
      if (before) this.#releaseUnused(before);
    }
    if (message.isTooLong) return;
    const bytes = Buffer.byteLength(text);
    if (this.#heldBytes + bytes > this.#maxBytes) {
      this.#release(message);
      message.isTooLong = true;
      return;
    }
    message.text += text;
    message.bytes += bytes;
    this.#heldBytes += bytes;
  }

  #end(messageId: string): void {
    const message = this.#open.get(messageId);
    if (message === undefined) return;
    message.isOpen = false;
    this.#open.delete(messageId);
    this.#releaseUnused(message);
  }

  #releaseUnused(message: AnswerText): void {
    if (!message.isOpen && message !== this.#last) this.#release(message);
  }

  #release(message: AnswerText): void {
    this.#heldBytes -= message.bytes;
    message.bytes = 0;
    message.text = "";
  }

  /** A snapshot that shows what was asked shows also what answers it. */
  #adopt(messages: MessagesSnapshotEvent["messages"]): void {
    const question = messages.findLastIndex(({ id }) => id === this.#questionId);
    if (question < 0) return;
    if (this.#last) this.#release(this.#last);
    this.#last = undefined;
    for (const message of messages.slice(question + 1)) {
      if (message.role !== "assistant" || message.subagentRunId !== undefined || !message.content) continue;
      const open = this.#open.get(message.id);
      if (open) this.#release(open);
      const text = this.#newText(message.id, open !== undefined);
      if (open) this.#open.set(message.id, text);
      this.#hold(text, message.content);
    }
  }
}
