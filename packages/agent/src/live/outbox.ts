import type { MessageInitShape } from "@bufbuild/protobuf";
import { messageToProto, patchOperationToMessage, resumeEntryToMessage } from "@dragoman/agui";
import {
  LiveControl_Action as Action,
  type LiveSessionRequestSchema,
} from "@dragoman/contract/agent/v1/live_service_pb";
import type { HandedInputs, LiveInput } from "../live-inputs.ts";

type Request = MessageInitShape<typeof LiveSessionRequestSchema>;
type RequestInput = NonNullable<Request["input"]>;

/** The requests of a live session: its start, then what is said to the agent, one at a time. */
export class Outbox {
  readonly #inputs: HandedInputs;
  /** What was sent and not taken, by the number of its request. */
  readonly #sent = new Map<number, LiveInput>();
  /** Ids of messages and tool calls that were said: a host with a log tells of them as events. */
  readonly #saidIds = new Set<string>();
  #isOver = false;
  #isCancelled = false;
  #wake: () => void = () => {};

  constructor(inputs: HandedInputs) {
    this.#inputs = inputs;
  }

  /** Asks the host to end the run as cancelled. */
  cancel(): void {
    this.#isCancelled = true;
    this.#wake();
  }

  /** Ends the requests. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** The agent took the input of a request. */
  taken(requestNumber: number): void {
    const input = this.#sent.get(requestNumber);
    if (this.#sent.delete(requestNumber) && input) this.#inputs.taken(input);
  }

  /** Whether a message or tool call of that id was said here. */
  hasSaid(id: string): boolean {
    return this.#saidIds.has(id);
  }

  /** The requests, as they are to be sent. */
  async *requests(start: Request): AsyncGenerator<Request> {
    yield start;
    let next = this.#next();
    for (let requestNumber = 2; ; ) {
      // Before the end, which may come at once: the host has to hear it.
      if (this.#isCancelled) yield { input: { case: "control", value: { action: Action.CANCEL } } };
      if (this.#isCancelled || this.#isOver) return;
      const input = await Promise.race([next, this.#woken()]);
      if (input === "woken") continue;
      if (input === undefined) return;
      this.#sent.set(requestNumber, input);
      if (input.type === "message") this.#saidIds.add(input.message.id);
      if (input.type === "tool_result") this.#saidIds.add(input.toolCallId);
      if (input.type === "control") this.taken(requestNumber);
      yield { input: requestOf(input) };
      requestNumber++;
      next = this.#next();
    }
  }

  async #next(): Promise<LiveInput | undefined> {
    const { done, value } = await this.#inputs.next();
    return done ? undefined : value;
  }

  #woken(): Promise<"woken"> {
    return new Promise((resolve) => {
      this.#wake = () => resolve("woken");
      if (this.#isOver || this.#isCancelled) resolve("woken");
    });
  }
}

function requestOf(input: LiveInput): RequestInput {
  switch (input.type) {
    case "message":
      return { case: "message", value: messageToProto(input.message) };
    case "tool_result": {
      const { toolCallId, content, error } = input;
      return { case: "toolResult", value: { toolCallId, content, ...(error !== undefined && { error }) } };
    }
    case "interrupt_answer":
      return { case: "interruptAnswer", value: resumeEntryToMessage(input.answer) };
    case "state_patch":
      return { case: "statePatch", value: { patch: input.patch.map(patchOperationToMessage) } };
    case "control":
      return {
        case: "control",
        value: { action: input.action === "pause" ? Action.PAUSE : Action.RESUME },
      };
  }
}
