import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, type ConnectError } from "@connectrpc/connect";
import { type ReadyItem, reasonError } from "@dragoman/rpc";

/** Flag of a frame that has only a JSON form and never leaves on an RPC wire. */
const jsonOnlyFlag = 0x40;
const headerBytes = 5;

/** The frames of a batch that may leave on an RPC wire. */
export interface SendableFrames {
  /** Whole frames, to be written as they are. */
  readonly pieces: readonly Uint8Array[];
  /** Set if an event follows that has no binary form: the stream ends with it. */
  readonly error: ConnectError | undefined;
}

/**
 * Returns the frames of a batch as an RPC wire sends them.
 *
 * They are the batch's own bytes; only the frame that has to carry the log id is written anew.
 */
export function sendableFrames({ batch, logId }: ReadyItem): SendableFrames {
  let frames = batch.frames;
  let error: ConnectError | undefined;
  if (batch.hasJsonOnly) {
    const found = findJsonOnly(frames);
    frames = frames.subarray(0, found.offset);
    error = reasonError(
      Code.FailedPrecondition,
      "EVENT_ONLY_JSON",
      "An event of this log has only a JSON form. Read it over HTTP as server-sent events.",
      { metadata: { sequence: batch.firstSequence + found.index } },
    );
  }
  if (logId === undefined || frames.length === 0) {
    return { pieces: frames.length === 0 ? [] : [frames], error };
  }
  const first = headerBytes + lengthAt(frames, 0);
  const rest = frames.subarray(first);
  const head = withLogId(frames.subarray(headerBytes, first), logId);
  return { pieces: rest.length === 0 ? [head] : [head, rest], error };
}

/** Decodes the frames of a batch, for wires that are not binary. */
export function* framedMessages<Desc extends DescMessage>(
  schema: Desc,
  frames: Uint8Array,
): Generator<MessageShape<Desc>> {
  for (let offset = 0; offset < frames.length; ) {
    const end = offset + headerBytes + lengthAt(frames, offset);
    yield fromBinary(schema, frames.subarray(offset + headerBytes, end));
    offset = end;
  }
}

function withLogId(message: Uint8Array, logId: string): Uint8Array {
  // Field 2 of every stream item. Fields may come in any order.
  const field = new BinaryWriter().tag(2, WireType.LengthDelimited).string(logId).finish();
  const length = message.length + field.length;
  const frame = new Uint8Array(headerBytes + length);
  new DataView(frame.buffer).setUint32(1, length);
  frame.set(message, headerBytes);
  frame.set(field, headerBytes + message.length);
  return frame;
}

function findJsonOnly(frames: Uint8Array): { offset: number; index: number } {
  let offset = 0;
  let index = 0;
  while (offset < frames.length && (frames[offset]! & jsonOnlyFlag) === 0) {
    offset += headerBytes + lengthAt(frames, offset);
    index++;
  }
  return { offset, index };
}

function lengthAt(frames: Uint8Array, offset: number): number {
  return (
    frames[offset + 1]! * 0x1000000 +
    ((frames[offset + 2]! << 16) | (frames[offset + 3]! << 8) | frames[offset + 4]!)
  );
}
