import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type AguiEvent, eventFromMessage } from "@dragoman/agui";
import type {
  ChatAccepted,
  ChatControl_Action,
  ChatInitSchema,
  ChatInputSchema,
  ChatRejected,
  ChatStatus,
  StreamingChatRequestSchema,
  StreamingChatResponse,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { errorReasonOf } from "@dragoman/rpc";
import { waitUntil } from "@dragoman/testing";
import type { Services } from "./services.ts";

type Request = MessageInitShape<typeof StreamingChatRequestSchema>;
type Input = MessageInitShape<typeof ChatInputSchema>["input"];

/** An event of a chat, at its place. */
export interface HeardEvent {
  readonly sequence: number | undefined;
  readonly event: AguiEvent;
}

/** One stream of a chat, held by a test. */
export class Talk {
  readonly items: StreamingChatResponse[] = [];
  /** How it ended; undefined while it goes on. */
  outcome: "ok" | ConnectError | undefined;
  readonly ended: Promise<void>;
  readonly #leave = new AbortController();
  readonly #requests: Request[] = [];
  #wake = () => {};
  #isDone = false;

  /** Opens a chat. Without `init` nothing is sent by itself. */
  constructor({ chat }: Services, init?: MessageInitShape<typeof ChatInitSchema>) {
    if (init) this.#requests.push({ request: { case: "init", value: init } });
    const stream = chat.streamingChat(this.#send(), { signal: this.#leave.signal });
    this.ended = this.#read(stream);
  }

  request(request: Request): void {
    this.#requests.push(request);
    this.#wake();
  }

  input(input: Input): void {
    this.request({ request: { case: "input", value: { input } as never } });
  }

  say(id: string, content: string): void {
    this.input({ case: "message", value: { id, role: "user", content } });
  }

  control(action: ChatControl_Action): void {
    this.input({ case: "control", value: { action } });
  }

  /** Ends the sending side. */
  done(): void {
    this.#isDone = true;
    this.#wake();
  }

  /** Drops the stream. */
  leave(): void {
    this.#leave.abort();
  }

  /** Waits until something that came says so. */
  async until(isSo: (talk: this) => boolean, what: string): Promise<void> {
    await waitUntil(() => {
      if (isSo(this)) return true;
      if (this.outcome !== undefined) throw new Error(`the chat ended (${this.outcome}) before ${what}`);
      return false;
    }, what);
  }

  /** Waits until so many inputs were decided, and returns the last. */
  async decided(count: number): Promise<ChatAccepted | ChatRejected> {
    await this.until(({ decisions }) => decisions.length >= count, `${count} decisions`);
    return this.decisions[count - 1] as ChatAccepted | ChatRejected;
  }

  get decisions(): (ChatAccepted | ChatRejected)[] {
    return this.items.flatMap(({ item }) =>
      item.case === "accepted" || item.case === "rejected" ? [item.value] : [],
    );
  }

  get statuses(): ChatStatus[] {
    return this.items.flatMap(({ item }) => (item.case === "status" ? [item.value] : []));
  }

  get events(): HeardEvent[] {
    return this.items.flatMap(({ sequence, item }) =>
      item.case === "event"
        ? [
            {
              sequence: sequence === undefined ? undefined : Number(sequence),
              event: eventFromMessage(item.value),
            },
          ]
        : [],
    );
  }

  /** What is said in the chat since the stream was opened, as texts by message. */
  get texts(): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const { event } of this.events) {
      if (event.type === "RUN_STARTED") {
        for (const { id, content } of event.input?.messages ?? []) texts[id] = String(content);
      } else if (event.type === "TEXT_MESSAGE_CONTENT") {
        texts[event.messageId] = (texts[event.messageId] ?? "") + event.delta;
      }
    }
    return texts;
  }

  /** The reason that it ended with. */
  get reason(): string | undefined {
    return errorReasonOf(this.outcome);
  }

  async *#send(): AsyncGenerator<Request> {
    for (;;) {
      const next = this.#requests.shift();
      if (next) yield next;
      else if (this.#isDone) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async #read(stream: AsyncIterable<StreamingChatResponse>): Promise<void> {
    try {
      for await (const item of stream) this.items.push(item);
      this.outcome = "ok";
    } catch (error) {
      this.outcome = ConnectError.from(error);
    }
    this.done();
  }
}
