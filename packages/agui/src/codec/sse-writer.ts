import { decodeEvent } from "./binary.ts";
import { ByteWriter } from "./byte-writer.ts";
import { BYTES_BEFORE_ID, type DeltaLayout, findDelta, layoutAt } from "./delta-layout.ts";
import type { Frame } from "./frames.ts";
import { encodeEventJson } from "./json-text.ts";
import { readUtf8 } from "./native-strings.ts";
import { sameBytes } from "./string-table.ts";

const encoder = new TextEncoder();
const DATA_FIELD = encoder.encode("\ndata: ");
const EVENT_END = encoder.encode("\n\n");
const DELTA_END = encoder.encode('"}\n\n');

/** Which bytes stand for themselves in a JSON string. Those of other characters than ASCII go another way. */
const PLAIN: readonly boolean[] = Array.from(
  { length: 256 },
  (_, byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c,
);

/** Writes events as server-sent events. For one batch. */
export class SseWriter {
  readonly #out: ByteWriter;
  readonly #source: Uint8Array;
  /** `id: <log>:` of all events. */
  readonly #idField: Uint8Array;
  /** The layout and the id of the last delta, and the JSON text up to its delta. */
  #layout: DeltaLayout | undefined;
  #idStart = 0;
  #idLength = 0;
  #deltaHead: Uint8Array = new Uint8Array(0);

  /** @param source The bytes that the frames are in. */
  constructor(logId: string, source: Uint8Array) {
    this.#source = source;
    // Text takes about twice the room of frames.
    this.#out = new ByteWriter(source.length * 2 + 256);
    this.#idField = encoder.encode(`id: ${logId}:`);
  }

  /** Writes one event. */
  write(frame: Frame): void {
    const out = this.#out;
    out.raw(this.#idField);
    writeDigits(out, frame.sequence);
    if (!frame.json && this.#writeDelta(frame)) return;
    out.raw(DATA_FIELD);
    if (frame.json) out.raw(this.#source.subarray(frame.start, frame.end));
    else out.text(encodeEventJson(decodeEvent(this.#source, frame.start, frame.end)));
    out.raw(EVENT_END);
  }

  /** Writes a short delta of plain text, byte by byte. Otherwise writes nothing and says false. */
  #writeDelta({ start, end }: Frame): boolean {
    const source = this.#source;
    const layout = layoutAt(source, start);
    if (layout === undefined) return false;
    const deltaStart = findDelta(source, start, end, layout);
    if (deltaStart === 0 || !isPlain(source, deltaStart, end)) return false;
    this.#prepareHead(layout, start + layout.armTagBytes + BYTES_BEFORE_ID);
    const out = this.#out;
    out.raw(this.#deltaHead);
    out.reserve(end - deltaStart + DELTA_END.length);
    const { bytes } = out;
    for (let from = deltaStart, to = out.position; from < end; ) bytes[to++] = source[from++]!;
    out.position += end - deltaStart;
    out.raw(DELTA_END);
    return true;
  }

  #prepareHead(layout: DeltaLayout, idStart: number): void {
    const source = this.#source;
    const length = source[idStart - 1]!;
    const same = layout === this.#layout && length === this.#idLength;
    if (same && sameBytes(source, this.#idStart, source, idStart, length)) return;
    const id = JSON.stringify(readUtf8(source, idStart, idStart + length));
    this.#deltaHead = encoder.encode(`\ndata: {"type":"${layout.type}","${layout.idName}":${id},"delta":"`);
    this.#layout = layout;
    this.#idStart = idStart;
    this.#idLength = length;
  }

  /** The text of all events written. */
  take(): Uint8Array {
    return this.#out.take();
  }
}

function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!PLAIN[bytes[i]!]) return false;
  return true;
}

/** Writes a whole number in decimal. */
function writeDigits(out: ByteWriter, value: number): void {
  out.reserve(16);
  let digits = 1;
  for (let rest = value; rest > 9; rest = Math.floor(rest / 10)) digits++;
  const { bytes } = out;
  let rest = value;
  for (let at = out.position + digits; at > out.position; ) {
    bytes[--at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  out.position += digits;
}
