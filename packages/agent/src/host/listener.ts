import { Code } from "@connectrpc/connect";
import { messageFromProto, patchOperationFromMessage, resumeEntryFromMessage } from "@dragoman/agui";
import {
  LiveControl_Action as Action,
  type LiveSessionRequest,
} from "@dragoman/contract/agent/v1/live_service_pb";
import { reasonError } from "@dragoman/rpc";
import { type LiveInput, LiveInputs } from "../live-inputs.ts";
import type { RunFeed } from "./run-feed.ts";
import type { Listening } from "./run-items.ts";

/**
 * Reads what the caller of a live session says while the agent works, in its own time.
 *
 * What the agent has no room for is not taken, and the caller not told that it was: reading on is what lets a
 * cancel come through.
 */
export class Listener implements Listening {
  readonly inputs = new LiveInputs({ waitsForReader: true });
  readonly feed: RunFeed;
  readonly #cancel = new AbortController();
  #pause: Promise<void> | undefined;
  #resume: () => void = () => {};

  constructor(requests: AsyncIterator<LiveSessionRequest>, feed: RunFeed) {
    this.feed = feed;
    this.#read(requests)
      .catch((error: unknown) => feed.end({ error }))
      .finally(() => this.#setPaused(false)); // nobody is left who could
  }

  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  paused(): Promise<void> | undefined {
    return this.#pause;
  }

  /** The caller may stop speaking at any time: the run goes on. */
  async #read(requests: AsyncIterator<LiveSessionRequest>): Promise<void> {
    for (let requestNumber = 2; ; requestNumber++) {
      const { done, value } = await requests.next();
      if (done) return;
      const { input } = value;
      if (input.case === "control") this.#control(input.value.action);
      else {
        const heard = inputOf(value);
        if (heard) this.inputs.push(heard, () => this.feed.taken(requestNumber));
      }
    }
  }

  #control(action: Action): void {
    switch (action) {
      case Action.CANCEL:
        this.#cancel.abort(new Error("the caller cancelled the run"));
        this.#setPaused(false);
        break;
      case Action.PAUSE:
      case Action.RESUME:
        this.#setPaused(action === Action.PAUSE);
        this.inputs.push({ type: "control", action: action === Action.PAUSE ? "pause" : "resume" });
        break;
      default:
    }
  }

  #setPaused(isPaused: boolean): void {
    if (!isPaused) {
      this.#pause = undefined;
      this.#resume();
    } else {
      this.#pause ??= new Promise((resolve) => {
        this.#resume = resolve;
      });
    }
  }
}

/** What a request says to the agent; undefined for a kind that nobody here knows. Throws INVALID_REQUEST. */
function inputOf({ input }: LiveSessionRequest): LiveInput | undefined {
  switch (input.case) {
    case "message":
      return { type: "message", message: messageFromProto(input.value) };
    case "toolResult": {
      const { toolCallId, content, error } = input.value;
      return { type: "tool_result", toolCallId, content, ...(error !== undefined && { error }) };
    }
    case "interruptAnswer":
      return { type: "interrupt_answer", answer: resumeEntryFromMessage(input.value) };
    case "statePatch":
      return { type: "state_patch", patch: input.value.patch.map(patchOperationFromMessage) };
    case "start":
      throw reasonError(
        Code.InvalidArgument,
        "INVALID_REQUEST",
        "A live session has one run: open another one for another run.",
      );
    default:
      return undefined;
  }
}
