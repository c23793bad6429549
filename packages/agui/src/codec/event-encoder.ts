import type { AguiEvent } from "../types.ts";
import { ByteWriter } from "./byte-writer.ts";
import { DELTA_ROOM, DeltaWriter } from "./delta-writer.ts";
import { EVENT_SHAPES } from "./event-shapes.ts";
import { writeAnyEvent } from "./write-event.ts";

/** Small results are views of shared memory of this size: memory of their own costs many times the encoding. */
const SLAB_BYTES = 8192;
const MAX_SHARED_BYTES = 1024;
/** Scratch space that grew beyond this is given back. */
const MAX_KEPT_BYTES = 1 << 20;

/** Encodes events, one after the other. Not for reentrant use: `toJSON` of a value must not come back to it. */
export class EventEncoder {
  readonly #deltas = new DeltaWriter();
  #slab = new ByteWriter(SLAB_BYTES);
  #scratch = new ByteWriter();

  /** Encodes an event into bytes that nothing writes to again. See `encodeEvent`. */
  encode(event: AguiEvent): Uint8Array {
    const slab = this.#freshSlab(DELTA_ROOM);
    const start = slab.position;
    const end = this.#deltas.write(slab.bytes, start, event);
    if (end > 0) {
      slab.position = end;
      return viewOf(slab, start);
    }
    if (EVENT_SHAPES.get(event.type)?.flat === true) {
      writeAnyEvent(slab, event);
      return viewOf(slab, start);
    }
    const scratch = this.#scratch;
    scratch.position = 0;
    writeAnyEvent(scratch, event);
    if (scratch.bytes.length > MAX_KEPT_BYTES) this.#scratch = new ByteWriter();
    return this.#copy(scratch);
  }

  #copy(scratch: ByteWriter): Uint8Array {
    if (scratch.position > MAX_SHARED_BYTES) return scratch.take();
    const slab = this.#freshSlab(scratch.position);
    const start = slab.position;
    slab.raw(scratch.bytes.subarray(0, scratch.position));
    return viewOf(slab, start);
  }

  /** The slab, or another one if there is not so much room, or if it had to grow for an event longer than most. */
  #freshSlab(needed: number): ByteWriter {
    if (this.#slab.position + needed > SLAB_BYTES) this.#slab = new ByteWriter(SLAB_BYTES);
    return this.#slab;
  }
}

function viewOf(slab: ByteWriter, start: number): Uint8Array {
  return new Uint8Array(slab.bytes.buffer, start, slab.position - start);
}
