import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type ContextKey, createContextKey } from "@connectrpc/connect";

/**
 * Events that are encoded already: what `EventBatch` of `@dragoman/agui` offers a protocol handler.
 *
 * Frames are `[flags u8][length u32 BE][stream item]`, see `FrameEncoder`.
 */
export interface ReadyBatch {
  /** The log that the sequences are places in. */
  readonly logId: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** One frame per event, in order. Shared between readers: never written to. */
  readonly frames: Uint8Array;
  /** Whether an event among them has only a JSON form. */
  readonly hasJsonOnly: boolean;
  /** The events as server-sent events, made once and kept. */
  sse(): Uint8Array;
  /** The events as frames of AG-UI's binary form, made once and kept. */
  binary(): Uint8Array;
}

/** A batch as a stream element, with what the first frame still lacks. */
export interface ReadyItem<B extends ReadyBatch = ReadyBatch> {
  readonly batch: B;
  /** To be added as `log_id` to the first event of the batch; undefined if it was sent before. */
  readonly logId: string | undefined;
}

/**
 * Whether the caller of a streaming method takes ready batches among its messages.
 *
 * Set by the protocol handlers of `@dragoman/server`. A service asks `context.values.get(readyBatches)`
 * and yields {@link readyItem} only where it is true: any other caller would see an empty message.
 */
export const readyBatches: ContextKey<boolean> = createContextKey<boolean>(false, {
  description: "whether ready batches may be yielded",
});

const kReady = Symbol.for("dragoman.rpc.ready");

/**
 * Makes one stream element that stands for all events of a batch.
 *
 * It is an empty message of the schema for everybody who does not ask {@link batchOf}. With `logId`,
 * the first event of the batch carries it, as the first item of a stream must.
 */
export function readyItem<Desc extends DescMessage>(
  schema: Desc,
  batch: ReadyBatch,
  options: { readonly logId?: string } = {},
): MessageShape<Desc> {
  const item: ReadyItem = { batch, logId: options.logId };
  return Object.assign(create(schema), { [kReady]: item });
}

/** Returns the batch that a message stands for; undefined for an ordinary message. */
export function batchOf(message: object): ReadyItem | undefined {
  return kReady in message ? (message[kReady] as ReadyItem) : undefined;
}
