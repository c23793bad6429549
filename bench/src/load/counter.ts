import type { LoadProtocol } from "./requests.ts";

/** Counts what comes on a stream. Made to cost next to nothing, so that the server is what is measured. */
export interface StreamCounter {
  push(chunk: Uint8Array): void;
  /** How many events came; asked when the stream has ended. Throws if it did not end well. */
  events(): number;
}

/** Makes a counter that looks at the framing only. */
export function createCounter(protocol: LoadProtocol): StreamCounter {
  return protocol === "sse" ? new SseCounter() : new EnvelopeCounter(protocol);
}

const END_FLAGS: Readonly<Record<Exclude<LoadProtocol, "sse">, number>> = {
  grpc: -1,
  "grpc-web": 0x80,
  connect: 0x02,
};

/** The first byte of a stream item that has a place: heartbeats and preludes have none, and are no events here. */
const SEQUENCE_TAG = 0x08;

class EnvelopeCounter implements StreamCounter {
  readonly #endFlag: number;
  readonly #header = new Uint8Array(5);
  #headerBytes = 0;
  #skip = 0;
  #isFirstByte = false;
  #events = 0;
  #hasEnded: boolean;

  constructor(protocol: Exclude<LoadProtocol, "sse">) {
    this.#endFlag = END_FLAGS[protocol];
    this.#hasEnded = protocol === "grpc";
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        if (this.#isFirstByte && chunk[at] === SEQUENCE_TAG) this.#events++;
        this.#isFirstByte = false;
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
      } else {
        this.#header[this.#headerBytes++] = chunk[at++] as number;
        if (this.#headerBytes === 5) this.#open();
      }
    }
  }

  #open(): void {
    const [flags = 0, a = 0, b = 0, c = 0, d = 0] = this.#header;
    this.#headerBytes = 0;
    this.#skip = a * 2 ** 24 + (b << 16) + (c << 8) + d;
    this.#isFirstByte = flags === 0;
    if (flags === this.#endFlag) this.#hasEnded = true;
  }

  events(): number {
    if (!this.#hasEnded || this.#skip > 0 || this.#headerBytes > 0) throw new Error("the stream was cut");
    return this.#events;
  }
}

const NEWLINE = 10;

/** An empty line ends an event, and no line of JSON text is empty. */
class SseCounter implements StreamCounter {
  #events = 0;
  #last = 0;

  push(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
      if ((at === 0 ? this.#last : chunk[at - 1]) === NEWLINE) this.#events++;
    }
    this.#last = chunk.at(-1) ?? this.#last;
  }

  events(): number {
    return this.#events;
  }
}
