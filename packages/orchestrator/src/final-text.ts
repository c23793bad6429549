import { type AguiEvent, decodeEvent, type EventBatch, readFrames } from "@dragoman/agui";
import { AnswerFinder } from "@dragoman/engine";

/** Gathers the final text of a run from its events, in their order. */
export interface FinalText {
  push(event: AguiEvent): void;
  /** Takes the events of a batch; those that have only a JSON form say nothing. */
  pushBatch(batch: EventBatch): void;
  /** The last text of the assistant that is not empty; what sub-agents say is not its own. */
  readonly text: string;
  /** Whether it was longer than allowed and is cut. */
  readonly isCut: boolean;
}

export interface FinalTextOptions {
  /** How long the text may get, in UTF-16 code units. Default: no limit. */
  readonly maxLength?: number;
}

/** Makes one. It holds one text, however long the run is. */
export function createFinalText(options: FinalTextOptions = {}): FinalText {
  const maxLength = options.maxLength ?? Number.POSITIVE_INFINITY;
  let text = "";
  let isCut = false;
  const finder = new AnswerFinder({
    restart() {
      text = "";
      isCut = false;
    },
    append(delta) {
      if (isCut) return;
      const room = maxLength - text.length;
      isCut = delta.length > room;
      // Half of a surrogate pair has no UTF-8 form.
      text += isCut ? delta.slice(0, room).replace(/[\ud800-\udbff]$/, "") : delta;
    },
  });
  const push = (event: AguiEvent) => void finder.push(event);
  return {
    push,
    pushBatch({ frames }) {
      readFrames(frames, ({ start, end, json }) => {
        if (!json) push(decodeEvent(frames, start, end));
      });
    },
    get text() {
      return text;
    },
    get isCut() {
      return isCut;
    },
  };
}
