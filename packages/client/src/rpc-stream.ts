import { Code, ConnectError } from "@connectrpc/connect";
import type { ByteClient, ByteSink, ByteStream } from "./byte-stream.ts";
import { EnvelopeReader, envelope } from "./envelope-reader.ts";
import { abortedError, EventQueue, type EventStream, type QueueLimits } from "./event-stream.ts";
import { decodeItem, type ItemContext } from "./stream-item.ts";
import { refineHttpError, truncated, type WireProtocol } from "./wire-protocol.ts";

/** Bytes of the body of a refusal that are kept to find out why. */
const maxErrorBodyBytes = 16 * 1024;
/** A timer for longer than this fires at once. */
const longestTimerMs = 2 ** 31 - 1;
/** gRPC writes a time-out with eight digits. A longer one is kept on this side alone. */
const longestSentTimeoutMs = 99_999_999;
/** The flag of an envelope whose message is compressed. */
const compressedFlag = 1;

/** One call of a server-streaming method whose items have the layout of RunAgentResponse. */
export interface RpcCall {
  readonly client: ByteClient;
  readonly protocol: WireProtocol;
  /** The URL of the method. */
  readonly url: string;
  /** The request message. */
  readonly message: Uint8Array;
  /** The caller's header. A function is called for this call alone. */
  readonly header: () => Headers | Promise<Headers>;
  readonly limits: QueueLimits;
  /** The largest message that is taken, in bytes. */
  readonly maxMessageBytes: number;
  readonly keepBytes: boolean;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Makes the call and reads its items. Never throws: what goes wrong is thrown by the stream. */
export function openRpcStream(call: RpcCall): EventStream {
  const queue = new EventQueue(call.limits);
  const { signal, timeoutMs } = call;
  const onAbort = () => queue.abort(abortedError(signal as AbortSignal));
  const deadline =
    timeoutMs === undefined || timeoutMs > longestTimerMs
      ? undefined
      : setTimeout(
          () => queue.abort(new ConnectError("the deadline passed", Code.DeadlineExceeded)),
          timeoutMs,
        );
  queue.onEnd = () => {
    clearTimeout(deadline);
    signal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  void send(call, queue);
  return queue;
}

async function send(call: RpcCall, queue: EventQueue): Promise<void> {
  try {
    const made = call.header();
    const header = call.protocol.requestHeader(
      made instanceof Headers ? made : await made,
      sentTimeoutMs(call),
    );
    if (queue.isEnded) return;
    const reader = new RpcReader(call, queue);
    const stream = call.client({ url: call.url, header, body: envelope(call.message) }, reader);
    reader.attach(stream);
  } catch (error) {
    queue.end(ConnectError.from(error));
  }
}

function sentTimeoutMs({ timeoutMs }: RpcCall): number | undefined {
  return timeoutMs === undefined || timeoutMs > longestSentTimeoutMs ? undefined : Math.ceil(timeoutMs);
}

/** Turns the bytes of a response into items and an outcome. */
class RpcReader implements ByteSink {
  readonly #call: RpcCall;
  readonly #queue: EventQueue;
  readonly #envelopes: EnvelopeReader;
  readonly #context: ItemContext = { logId: "" };
  #header = new Headers();
  #stream: ByteStream | undefined;
  #hasStatus = false;
  /** Set while the body of a refusal is collected. */
  #refusal: { error: ConnectError; body: Uint8Array[]; bytes: number } | undefined;

  constructor(call: RpcCall, queue: EventQueue) {
    this.#call = call;
    this.#queue = queue;
    this.#envelopes = new EnvelopeReader(call.maxMessageBytes);
  }

  attach(stream: ByteStream): void {
    this.#stream = stream;
    this.#queue.attach(stream);
  }

  onHeader(status: number, header: Headers): void {
    this.#header = header;
    try {
      this.#hasStatus = this.#call.protocol.checkHeader(status, header);
    } catch (error) {
      const refused = ConnectError.from(error);
      if (status === 200) this.#fail(refused);
      else this.#refusal = { error: refused, body: [], bytes: 0 };
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.#refusal !== undefined) {
      if (this.#refusal.bytes < maxErrorBodyBytes) this.#refusal.body.push(chunk);
      this.#refusal.bytes += chunk.length;
      return;
    }
    if (this.#queue.isEnded) return;
    try {
      this.#envelopes.push(chunk, this.#visit);
    } catch (error) {
      this.#fail(error instanceof ConnectError ? error : undecodable(error));
    }
    this.#queue.delivered(chunk.length);
  }

  onEnd(trailer: Headers): void {
    if (!this.#queue.isEnded) this.#queue.end(this.#outcome(trailer));
  }

  onError(reason: unknown): void {
    this.#queue.end(this.#refusal?.error ?? connectionError(reason));
  }

  /** A field, so that no function is made per chunk. */
  readonly #visit = (bytes: Uint8Array, start: number, end: number, flags: number): void => {
    if (flags === 0) {
      const item = decodeItem(bytes, start, end, this.#call.keepBytes, this.#context);
      if (this.#context.logId !== "") this.#queue.logId = this.#context.logId;
      this.#queue.push(item);
      return;
    }
    if ((flags & compressedFlag) !== 0) {
      throw new ConnectError(
        "a message is compressed, though the request allowed no compression",
        Code.Internal,
      );
    }
    if (flags !== this.#call.protocol.endFlag) {
      throw new ConnectError(`an envelope has unknown flags 0x${flags.toString(16)}`, Code.Internal);
    }
    this.#queue.end(this.#readEnd(bytes.subarray(start, end)));
  };

  /** How the call ended, from what came with the end of the body. */
  #outcome(trailer: Headers): ConnectError | undefined {
    if (this.#refusal !== undefined) return refineHttpError(this.#refusal.error, concat(this.#refusal.body));
    if (this.#envelopes.incomplete) return truncated("its last message is not whole");
    try {
      const isOk = this.#hasStatus || this.#call.protocol.readTrailer(trailer, this.#header);
      return isOk ? undefined : truncated("it has no status");
    } catch (error) {
      return ConnectError.from(error);
    }
  }

  #readEnd(message: Uint8Array): ConnectError | undefined {
    try {
      this.#call.protocol.readEnd(message, this.#header);
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    }
  }

  #fail(error: ConnectError): void {
    this.#queue.end(error);
    this.#stream?.close();
  }
}

function undecodable(error: unknown): ConnectError {
  const detail = error instanceof Error ? error.message : String(error);
  return new ConnectError(`a message cannot be read: ${detail}`, Code.Internal, undefined, undefined, error);
}

/** Whatever breaks a connection, the call may be worth another attempt. */
function connectionError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) return reason;
  const detail = reason instanceof Error ? messageOf(reason) : String(reason);
  return new ConnectError(`the connection failed: ${detail}`, Code.Unavailable, undefined, undefined, reason);
}

/** Node's fetch says "fetch failed" and hides the reason behind it; a refused connection has no message. */
function messageOf(error: Error): string {
  const detail = error.cause instanceof Error ? messageOf(error.cause) : "";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return [error.message === "" ? code : error.message, detail].filter((part) => part !== "").join(": ");
}

function concat(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
