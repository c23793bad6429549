import { type AguiEvent, decodeEvent, type EventBatch, type Message, readFrames } from "@dragoman/agui";

/** Gathers the final text of a run from its events, in their order. */
export interface FinalText {
  push(event: AguiEvent): void;
  /** Takes the events of a batch; those that have only a JSON form say nothing. */
  pushBatch(batch: EventBatch): void;
  /** The last text of the assistant that is not empty. */
  readonly text: string;
  /** Whether it was longer than allowed and is cut. */
  readonly isCut: boolean;
}

export interface FinalTextOptions {
  /** How long the text may get, in UTF-16 code units. Default: no limit. */
  readonly maxLength?: number;
}

interface Answer {
  readonly messageId: string;
  text: string;
  isCut: boolean;
}

/** Makes one. It holds at most two texts, however long the run is. */
export function createFinalText(options: FinalTextOptions = {}): FinalText {
  const maxLength = options.maxLength ?? Number.POSITIVE_INFINITY;
  /** The message that began last, and the last one before it that has text. */
  let latest: Answer | undefined;
  let before: Answer | undefined;
  const begin = (messageId: string, text = "") => {
    if (latest?.text) before = latest;
    latest = { messageId, text: "", isCut: false };
    add(latest, text, maxLength);
  };
  const push = (event: AguiEvent) => {
    if (event.type === "TEXT_MESSAGE_START") {
      if ((event.role ?? "assistant") === "assistant") begin(event.messageId);
    } else if (event.type === "TEXT_MESSAGE_CONTENT") {
      if (event.messageId === latest?.messageId) add(latest, event.delta, maxLength);
    } else if (event.type === "MESSAGES_SNAPSHOT") {
      const answer = answerIn(event.messages);
      if (answer) begin(answer.id, answer.content);
    }
  };
  const final = () => (latest?.text ? latest : before);
  return {
    push,
    pushBatch({ frames }) {
      readFrames(frames, ({ start, end, json }) => {
        if (!json) push(decodeEvent(frames, start, end));
      });
    },
    get text() {
      return final()?.text ?? "";
    },
    get isCut() {
      return final()?.isCut ?? false;
    },
  };
}

function add(answer: Answer, delta: string, maxLength: number): void {
  if (answer.isCut) return;
  const room = maxLength - answer.text.length;
  answer.isCut = delta.length > room;
  // Half of a surrogate pair has no UTF-8 form.
  answer.text += answer.isCut ? delta.slice(0, room).replace(/[\ud800-\udbff]$/, "") : delta;
}

/** The answer to the last thing that was said in a history; undefined while there is none. */
function answerIn(
  messages: readonly Message[],
): { readonly id: string; readonly content: string } | undefined {
  for (const message of [...messages].reverse()) {
    if (message.role === "user") return undefined;
    if (message.role === "assistant" && message.content) return { id: message.id, content: message.content };
  }
  return undefined;
}
