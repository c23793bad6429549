import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AguiEvent, eventFromMessage } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import {
  ChatControl_Action as Action,
  type ChatInitSchema,
  type ChatInputSchema,
  type ChatRejected,
  type StreamingChatRequestSchema,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";

type Request = MessageInitShape<typeof StreamingChatRequestSchema>;
type Input = NonNullable<MessageInitShape<typeof ChatInputSchema>["input"]>;

/** What a chat is told of. */
export interface ChatHandlers {
  onEvent(event: AguiEvent): void;
  onRejected(rejected: ChatRejected): void;
  /** The stream was lost, and is opened again. */
  onLost(error: ConnectError): void;
}

/** An input that was not decided yet. */
interface Undecided {
  readonly input: Input;
  /** The run that was active when it was sent first; undefined before. */
  runId?: string;
}

/** How often a lost stream is opened again without anything coming, and how long to wait between. */
const maxAttempts = 8;
const firstWaitMs = 100;

/** A chat that is opened again wherever its stream is lost: input that was not decided is said once more. */
export class ChatConnection {
  /** The chat: a session. */
  readonly chatId: string;
  readonly #client: AgentClient;
  readonly #init: MessageInitShape<typeof ChatInitSchema>;
  readonly #handlers: ChatHandlers;
  readonly #leave = new AbortController();
  /** Inputs that were not decided, in order. */
  #undecided: Undecided[] = [];
  /** How many of them were sent on the stream that is open. */
  #sent = 0;
  /** The run that is active, as the server last said. */
  #runId = "";
  #isDone = false;
  #wake = () => {};
  #afterSequence: bigint | undefined;
  #logId = "";

  constructor(
    client: AgentClient,
    init: MessageInitShape<typeof ChatInitSchema> & { readonly chatId: string },
    handlers: ChatHandlers,
  ) {
    this.chatId = init.chatId;
    this.#client = client;
    this.#init = init;
    this.#handlers = handlers;
  }

  /** Says something. The id makes that it is said once. */
  say(content: string): string {
    const id = randomUUID();
    this.send({ case: "message", value: { id, role: "user", content } });
    return id;
  }

  send(input: Input): void {
    this.#undecided.push({ input });
    this.#wake();
  }

  /** Nothing more will be said: the chat ends when it is idle. */
  done(): void {
    this.#isDone = true;
    this.#wake();
  }

  /** Leaves at once. Runs go on. */
  leave(): void {
    this.#leave.abort();
  }

  /** Reads the chat to its end. Rejects with what it cannot go on after. */
  async read(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#readOnce(() => {
          attempt = 0;
        });
        return;
      } catch (error) {
        if (this.#leave.signal.aborted) return;
        const failure = ConnectError.from(error);
        if (failure.code !== Code.Unavailable || this.#logId === "" || attempt >= maxAttempts) throw error;
        this.#handlers.onLost(failure);
        await delay(firstWaitMs * 2 ** attempt);
      }
    }
  }

  async #readOnce(onItem: () => void): Promise<void> {
    this.#sent = 0;
    const { signal } = this.#leave;
    for await (const response of this.#client.chat.streamingChat(this.#requests(), { signal })) {
      onItem();
      const { item, logId, sequence } = response;
      if (logId !== "") this.#logId = logId;
      if (sequence !== undefined) this.#afterSequence = sequence;
      switch (item.case) {
        case "ready":
          this.#afterSequence ??= item.value.headSequence;
          break;
        case "status":
          this.#runId = item.value.runId;
          break;
        case "event":
          this.#handlers.onEvent(eventFromMessage(item.value));
          break;
        case "accepted":
        case "rejected":
          this.#undecided.shift();
          this.#sent--;
          if (item.case === "rejected") this.#handlers.onRejected(item.value);
          break;
        default:
      }
    }
  }

  async *#requests(): AsyncGenerator<Request> {
    const place = this.#afterSequence === undefined ? {} : { afterSequence: this.#afterSequence };
    yield { request: { case: "init", value: { ...this.#init, ...place, logId: this.#logId } as never } };
    // Whether a control that was sent on a lost stream was done is not known: it is for no other run.
    this.#undecided = this.#undecided.filter((one) => !(isForOneRun(one.input) && one.runId === ""));
    for (;;) {
      const next = this.#undecided[this.#sent];
      if (next) {
        this.#sent++;
        const input = next.runId === undefined ? next.input : forRun(next.input, next.runId);
        next.runId ??= this.#runId;
        yield { request: { case: "input", value: { input } } };
      } else if (this.#isDone) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function isForOneRun(input: Input): boolean {
  return input.case === "control" && input.value.action !== Action.RESET;
}

function forRun(input: Input, runId: string): Input {
  if (input.case !== "control" || !isForOneRun(input)) return input;
  return { case: "control", value: { action: input.value.action ?? Action.UNSPECIFIED, runId } };
}
