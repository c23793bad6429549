import { decodeEvent, EventBatch, readFrames } from "@dragoman/agui";
import type { EventLog, LogKey } from "@dragoman/event-log";
import type { SessionFold } from "./fold.ts";

const pageBytes = 1024 * 1024;

/** Folds what the log has beyond the fold. */
export async function catchUp(log: EventLog, key: LogKey, fold: SessionFold): Promise<void> {
  for (;;) {
    const page = await log.read(key, { after: fold.sequence, maxBytes: pageBytes });
    if (page.chunks.length === 0) return;
    for (const chunk of page.chunks) {
      let batch = new EventBatch(page.head.logId, chunk.bytes);
      if (batch.firstSequence <= fold.sequence) batch = batch.after(fold.sequence);
      applyBatch(fold, batch);
    }
  }
}

/** Folds a batch of events that the log holds. */
export function applyBatch(fold: SessionFold, batch: EventBatch): void {
  readFrames(batch.frames, ({ sequence, start, end, json }) => {
    fold.apply(sequence, json ? undefined : decodeEvent(batch.frames, start, end));
  });
}
