import type { AguiEvent } from "../types.ts";
import { decodeEvent } from "./binary.ts";
import { type Frame, readFrames, writeLength } from "./frames.ts";
import { encodeEventJson } from "./json-text.ts";
import { readUtf8 } from "./native-strings.ts";

/**
 * Events of one log that follow each other, as frames, and their forms on the other wires. Each form is made
 * once, when it is first asked for, and shared by all readers: do not write to it.
 */
export class EventBatch {
  /** The log that the sequences are places in. */
  readonly logId: string;
  /** The frames, ready for an RPC wire if `hasJsonOnly` is false. */
  readonly frames: Uint8Array;
  /** The first sequence; 0 if the batch is empty. */
  readonly firstSequence: number;
  /** The last sequence; 0 if the batch is empty. */
  readonly lastSequence: number;
  /** Whether some event has only a JSON form, so that no binary wire can carry the batch. */
  readonly hasJsonOnly: boolean;
  #sse: Uint8Array | undefined;
  #binary: Uint8Array | undefined;

  /** Throws MalformedEventError if the bytes are not frames. */
  constructor(logId: string, frames: Uint8Array) {
    let first = 0;
    let last = 0;
    let hasJsonOnly = false;
    readFrames(frames, (frame) => {
      if (first === 0) first = frame.sequence;
      last = frame.sequence;
      hasJsonOnly ||= frame.json;
    });
    this.logId = logId;
    this.frames = frames;
    this.firstSequence = first;
    this.lastSequence = last;
    this.hasJsonOnly = hasJsonOnly;
  }

  /** The batch without the events up to and including this sequence; itself if it has none of them. */
  after(sequence: number): EventBatch {
    if (sequence < this.firstSequence) return this;
    let start = this.frames.length;
    readFrames(this.frames, (frame) => {
      if (frame.sequence > sequence && frame.frameStart < start) start = frame.frameStart;
    });
    return new EventBatch(this.logId, this.frames.subarray(start));
  }

  /** The events. One that has only a JSON form is given as it is, though it may not be an event of AG-UI 1.0. */
  events(): AguiEvent[] {
    const events: AguiEvent[] = [];
    readFrames(this.frames, (frame) => events.push(this.#event(frame)));
    return events;
  }

  #event(frame: Frame): AguiEvent {
    if (!frame.json) return decodeEvent(this.frames, frame.start, frame.end);
    return JSON.parse(readUtf8(this.frames, frame.start, frame.end)) as AguiEvent;
  }

  /** Server-sent events: `id: <logId>:<sequence>` and `data: <JSON>` for each event. */
  sse(): Uint8Array {
    this.#sse ??= this.#makeSse();
    return this.#sse;
  }

  #makeSse(): Uint8Array {
    let text = "";
    readFrames(this.frames, (frame) => {
      const json = frame.json
        ? readUtf8(this.frames, frame.start, frame.end)
        : encodeEventJson(decodeEvent(this.frames, frame.start, frame.end));
      text += `id: ${this.logId}:${frame.sequence}\ndata: ${json}\n\n`;
    });
    return new TextEncoder().encode(text);
  }

  /**
   * AG-UI's binary framing: for each event its length, four bytes big endian, and its bytes. Events that have
   * only a JSON form are left out: ask `hasJsonOnly` first.
   */
  binary(): Uint8Array {
    this.#binary ??= this.#makeBinary();
    return this.#binary;
  }

  #makeBinary(): Uint8Array {
    // The length takes less room than the envelope and the sequence that it replaces.
    const bytes = new Uint8Array(this.frames.length);
    let position = 0;
    readFrames(this.frames, (frame) => {
      if (frame.json) return;
      writeLength(bytes, position, frame.end - frame.start);
      bytes.set(this.frames.subarray(frame.start, frame.end), position + 4);
      position += 4 + frame.end - frame.start;
    });
    return bytes.slice(0, position);
  }
}
