import type { AguiEvent, MessagesSnapshotEvent } from "@dragoman/agui";

/** A piece of what the agent itself says. */
export interface AnswerDelta {
  readonly messageId: string;
  readonly text: string;
}

/** Keeps the answer as it is found. */
export interface AnswerSink {
  /** Another message is the answer from here on: what is kept is not. */
  restart(): void;
  append(text: string): void;
}

/**
 * Finds the answer in the events of a run: the text of the last assistant message that has any. What sub-agents say
 * is not the answer.
 */
export class AnswerFinder {
  readonly #sink: AnswerSink;
  /** The places of the open messages among those of the run. */
  readonly #open = new Map<string, number>();
  #last: { readonly messageId: string; readonly order: number } | undefined;
  #count = 0;
  /** The last thing that the user said in this run: what answers it comes after it. */
  #questionId: string | undefined;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
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
        this.#open.delete(event.messageId);
        break;
      case "MESSAGES_SNAPSHOT":
        this.#adopt(event.messages);
        break;
      default:
    }
    return undefined;
  }

  /** A message that was ended and begins again goes on where it was. */
  #begin(messageId: string): void {
    const isLast = this.#last?.messageId === messageId;
    this.#open.set(messageId, isLast && this.#last ? this.#last.order : this.#nextOrder());
  }

  #nextOrder(): number {
    this.#count++;
    return this.#count;
  }

  #append(messageId: string, text: string): AnswerDelta | undefined {
    const order = this.#open.get(messageId);
    if (order === undefined) return undefined;
    this.#found(messageId, order, text);
    return { messageId, text };
  }

  #found(messageId: string, order: number, text: string): void {
    if (text === "") return;
    if (this.#last === undefined || order > this.#last.order) {
      this.#last = { messageId, order };
      this.#sink.restart();
    }
    if (order === this.#last.order) this.#sink.append(text);
  }

  /**
   * A snapshot that shows what was asked shows also what answers it. In a run that asks nothing, that is what comes
   * after the last thing that was said.
   */
  #adopt(messages: MessagesSnapshotEvent["messages"]): void {
    const asked = this.#questionId;
    const question = messages.findLastIndex(({ id, role }) =>
      asked === undefined ? role === "user" : id === asked,
    );
    const answers = messages
      .slice(question + 1)
      .filter((message) => message.role === "assistant" && message.subagentRunId === undefined)
      .flatMap((message) => (message.role === "assistant" && message.content ? [message] : []));
    if (asked === undefined ? answers.length === 0 : question < 0) return;
    this.#last = undefined;
    this.#sink.restart();
    for (const { id, content = "" } of answers) {
      const order = this.#nextOrder();
      if (this.#open.has(id)) this.#open.set(id, order);
      this.#found(id, order, content);
    }
  }
}
