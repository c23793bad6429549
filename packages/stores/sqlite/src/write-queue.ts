import type { LogKey } from "@dragoman/event-log";
import { fromFailure, isFailure } from "./failures.ts";
import type { Write, WriteGroup, WriteResult, WriteResults } from "./protocol.ts";
import type { WorkerLink } from "./worker-link.ts";

/** A write that waits or is under way. */
interface PendingWrite {
  readonly write: Write;
  readonly parts: readonly Uint8Array[];
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Groups that the writer has at once: one that it executes, and the next, so that it need not wait for this
 * thread between two. More would make groups smaller.
 */
const maxGroups = 2;

/** Bytes after which a group takes no further write, so that a commit does not hold up others for long. */
const maxGroupBytes = 8 * 1024 * 1024;

const noKey: LogKey = { namespace: "", id: "" };

/**
 * Hands writes to the writer, all that were queued while it was busy as one group.
 *
 * There is no timer: an idle writer gets a write at once, and the slower the disk, the larger the groups.
 */
export class WriteQueue {
  readonly #link: WorkerLink<WriteGroup, WriteResults>;
  #queue: PendingWrite[] = [];
  #groups = 0;
  #scheduled = false;
  #onIdle: (() => void) | undefined;

  constructor(link: WorkerLink<WriteGroup, WriteResults>) {
    this.#link = link;
  }

  /** Queues a write. The parts are its bytes, in order; they are copied before the promise settles. */
  write(write: Write, parts: readonly Uint8Array[]): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, parts, resolve, reject });
      if (this.#scheduled || this.#groups >= maxGroups) return;
      this.#scheduled = true;
      // Not at once: what else is written in this turn belongs to the same group.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  /** Resolves once nothing is queued or under way. */
  async drain(): Promise<void> {
    if (this.#queue.length === 0 && this.#groups === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #flush(): void {
    while (this.#groups < maxGroups && this.#queue.length > 0) this.#send(this.#takeGroup());
    if (this.#queue.length === 0 && this.#groups === 0) this.#onIdle?.();
  }

  #takeGroup(): PendingWrite[] {
    let bytes = 0;
    const end = this.#queue.findIndex(({ write }) => {
      const full = bytes >= maxGroupBytes;
      bytes += "length" in write ? write.length : 0;
      return full;
    });
    if (end < 0) {
      const group = this.#queue;
      this.#queue = [];
      return group;
    }
    return this.#queue.splice(0, end);
  }

  #send(group: readonly PendingWrite[]): void {
    this.#groups++;
    const fail = (error: Error) => {
      this.#groups--;
      for (const { reject } of group) reject(error);
      this.#flush();
    };
    const receive = (results: WriteResults) => {
      this.#groups--;
      // First the next group, so that the writer has it while this thread goes on.
      this.#flush();
      results.forEach((result, i) => {
        const { write, resolve, reject } = group[i]!;
        if (isFailure(result)) reject(fromFailure(result, "key" in write ? write.key : noKey));
        else resolve(result);
      });
    };
    try {
      const bytes = joinParts(group);
      this.#link.send({ writes: group.map(({ write }) => write), bytes }, [bytes.buffer], { receive, fail });
    } catch (error) {
      // No memory for the copy, or something that cannot be sent to a thread.
      fail(new Error("the writes could not be handed over", { cause: error }));
    }
  }
}

/** Copies the bytes of a group into a buffer of their own, which can be given away: readers hold the originals. */
function joinParts(group: readonly PendingWrite[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const { write } of group) length += "length" in write ? write.length : 0;
  const joined = Buffer.allocUnsafeSlow(length);
  let offset = 0;
  for (const { parts } of group) {
    for (const part of parts) {
      joined.set(part, offset);
      offset += part.length;
    }
  }
  return joined;
}
