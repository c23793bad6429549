import { Code, ConnectError } from "@connectrpc/connect";

/** Called for each envelope: its flags, and where its message is in `bytes`. */
export type EnvelopeVisitor = (bytes: Uint8Array, start: number, end: number, flags: number) => void;

/** Bytes of the head of an envelope: one of flags, four of length. */
const headBytes = 5;

/**
 * Splits a byte stream into envelopes, `[flags u8][length u32 BE][message]`, as gRPC, gRPC-Web and Connect
 * streams frame their messages.
 *
 * Envelopes that lie in one chunk are visited in place; only one that is spread over chunks is copied, and
 * that once, however many chunks it takes.
 */
export class EnvelopeReader {
  readonly #maxMessageBytes: number;
  #parts: Uint8Array[] = [];
  #heldBytes = 0;
  #neededBytes = 0;

  /** @param maxMessageBytes The largest message that is taken. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the bytes so far end in the middle of an envelope. */
  get incomplete(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * Takes a chunk and visits the envelopes that it completes. The chunk must not be changed afterwards.
   *
   * @throws {ConnectError} RESOURCE_EXHAUSTED if a message is larger than allowed.
   */
  push(chunk: Uint8Array, visit: EnvelopeVisitor): void {
    const bytes = this.#join(chunk);
    if (bytes === undefined) return;
    let offset = 0;
    let neededBytes = headBytes;
    while (bytes.length - offset >= headBytes) {
      const length = readLength(bytes, offset + 1);
      if (length > this.#maxMessageBytes) throw tooLarge(length, this.#maxMessageBytes);
      const end = offset + headBytes + length;
      if (end > bytes.length) {
        neededBytes = headBytes + length;
        break;
      }
      visit(bytes, offset + headBytes, end, bytes[offset] as number);
      offset = end;
    }
    this.#hold(bytes, offset, neededBytes);
  }

  /** What is held and the chunk as one; undefined while that is not enough to be worth a look. */
  #join(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#heldBytes === 0) return chunk;
    this.#parts.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#neededBytes) return undefined;
    const bytes = new Uint8Array(this.#heldBytes);
    let offset = 0;
    for (const part of this.#parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    this.#parts = [];
    this.#heldBytes = 0;
    return bytes;
  }

  #hold(bytes: Uint8Array, offset: number, neededBytes: number): void {
    if (offset === bytes.length) return;
    this.#parts = [bytes.subarray(offset)];
    this.#heldBytes = bytes.length - offset;
    this.#neededBytes = neededBytes;
  }
}

/** One message as an envelope without flags: the whole body of a server-streaming request. */
export function envelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headBytes + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, headBytes);
  return bytes;
}

function readLength(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) * 0x1000000 +
    (((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number))
  );
}

function tooLarge(length: number, maxMessageBytes: number): ConnectError {
  return new ConnectError(
    `a message of ${length} bytes is larger than maxMessageBytes, ${maxMessageBytes}`,
    Code.ResourceExhausted,
  );
}
