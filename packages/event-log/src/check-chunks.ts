import { SequenceError } from "./errors.ts";
import type { EventChunk } from "./event-log.ts";

/**
 * Checks that chunks follow a head without gap and returns the new head sequence.
 *
 * Throws a {@link SequenceError} for the first that does not, and a RangeError for one that ends before
 * it begins or whose sequences are no safe integers.
 */
export function checkChunks(
  headSequence: number,
  chunks: readonly Pick<EventChunk, "firstSequence" | "lastSequence">[],
): number {
  let head = headSequence;
  for (const { firstSequence, lastSequence } of chunks) {
    if (firstSequence !== head + 1) throw new SequenceError(head + 1, firstSequence);
    if (!Number.isSafeInteger(lastSequence) || lastSequence < firstSequence) {
      throw new RangeError(`a chunk that begins at sequence ${firstSequence} cannot end at ${lastSequence}`);
    }
    head = lastSequence;
  }
  return head;
}
