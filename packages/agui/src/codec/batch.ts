import type { AguiEvent } from "../types.ts";
import { decodeEvent } from "./binary.ts";
import { type Frame, readFrames, writeLength } from "./frames.ts";
import { readUtf8 } from "./native-strings.ts";
import { SseWriter } from "./sse-writer.ts";

/** What whoever made the frames of a batch knows about them. */
export interface BatchRange {
  firstSequence: number;
  lastSequence: number;
  /** Whether some event has only a JSON form. */
  hasJsonOnly: boolean;
}

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

  /**
   * @param range What is known about the frames. If absent, they are read for it; throws MalformedEventError if
   * they are not frames.
   */
  constructor(logId: string, frames: Uint8Array, range: BatchRange = rangeOf(frames)) {
    this.logId = logId;
    this.frames = frames;
    this.firstSequence = range.firstSequence;
    this.lastSequence = range.lastSequence;
    this.hasJsonOnly = range.hasJsonOnly;
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
    const writer = new SseWriter(this.logId, this.frames);
    readFrames(this.frames, (frame) => writer.write(frame));
    return writer.take();
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
    readFrames(this.frames, ({ start, end, json }) => {
      if (json) return;
      writeLength(bytes, position, end - start);
      copyBytes(this.frames, start, end, bytes, position + 4);
      position += 4 + end - start;
    });
    return bytes.slice(0, position);
  }
}

function rangeOf(frames: Uint8Array): BatchRange {
  const range: BatchRange = { firstSequence: 0, lastSequence: 0, hasJsonOnly: false };
  readFrames(frames, ({ sequence, json }) => {
    if (range.firstSequence === 0) range.firstSequence = sequence;
    range.lastSequence = sequence;
    range.hasJsonOnly ||= json;
  });
  return range;
}

/** Few bytes are copied faster in a loop than by the platform, which wants an object for the range. */
const FEW_BYTES = 100;

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > FEW_BYTES) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let source = start, target = at; source < end; ) to[target++] = from[source++]!;
}
