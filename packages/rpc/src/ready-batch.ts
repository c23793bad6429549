import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { EventBatch } from "@dragoman/agui";

/** A batch as a stream element, with what the first frame still lacks. */
export interface ReadyItem {
  readonly batch: EventBatch;
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
  batch: EventBatch,
  options: { readonly logId?: string } = {},
): MessageShape<Desc> {
  const item: ReadyItem = { batch, logId: options.logId };
  return Object.assign(create(schema), { [kReady]: item });
}

/** Returns the batch that a message stands for; undefined for an ordinary message. */
export function batchOf(message: object): ReadyItem | undefined {
  return kReady in message ? (message[kReady] as ReadyItem) : undefined;
}
