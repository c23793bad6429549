import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type AguiEvent, decodeEvent, type EventBatch, eventFromMessage, readFrames } from "@dragoman/agui";
import type { RunAgentResponse } from "@dragoman/contract/agent/v1/agui_service_pb";
import { batchOf, reasonError } from "@dragoman/rpc";
import type { Form } from "./form.ts";
import type { RewriteEvent } from "./peer.ts";
import { endsWithTerminal, isTerminal } from "./terminal.ts";

/**
 * Turns the items of an event stream into bytes of one form.
 *
 * The three event streams of the contract have one layout (see agent.v1.RunAgentResponse), so this reads
 * them all. Batches pass as they are unless the peer needs other events.
 */
export class EventWriter {
  /** The sequence of the last event that was written. */
  lastSequence: number | undefined;
  /** Whether the last event that was written ended a run. */
  isAtTerminal = false;
  readonly #form: Form;
  readonly #rewrite: RewriteEvent | undefined;
  #logId = "";
  /** The last event of a prelude so far: if it stays the last one, it gets the place that the prelude stands for. */
  #held: AguiEvent | undefined;

  constructor(form: Form, rewrite: RewriteEvent | undefined) {
    this.#form = form;
    this.#rewrite = rewrite;
  }

  /** Writes an item. May be empty: then there is nothing to send, or nothing yet. */
  write(message: MessageShape<DescMessage>): Uint8Array {
    const ready = batchOf(message);
    if (ready) {
      return this.#writeBatch(ready.batch);
    }
    const { item, sequence, logId } = message as unknown as RunAgentResponse;
    this.#logId ||= logId;
    switch (item.case) {
      case "event":
        return this.#writeEvent(eventFromMessage(item.value), sequence);
      case "caughtUp":
        return this.#release(Number(item.value.sequence));
      case "heartbeat":
        return this.#form.heartbeat();
      default:
        return new Uint8Array();
    }
  }

  /** Writes what was held back, at the end of the stream. */
  flush(): Uint8Array {
    return this.#release(undefined);
  }

  #writeBatch(batch: EventBatch): Uint8Array {
    if (batch.hasJsonOnly && !this.#form.carriesJsonOnly) {
      throw reasonError(
        Code.FailedPrecondition,
        "EVENT_ONLY_JSON",
        "An event of this log has only a JSON form. Read it as server-sent events.",
        { metadata: { sequence: batch.firstSequence } },
      );
    }
    const held = this.flush();
    this.#logId = batch.logId;
    this.isAtTerminal = endsWithTerminal(batch);
    this.lastSequence = batch.lastSequence;
    const bytes = this.#rewrite ? this.#rewritten(batch, this.#rewrite) : this.#form.batch(batch);
    return held.length === 0 ? bytes : Buffer.concat([held, bytes]);
  }

  /** Rewrites a batch event by event. What has only a JSON form passes as it is: nobody knows what it means. */
  #rewritten(batch: EventBatch, rewrite: RewriteEvent): Uint8Array {
    const pieces: Uint8Array[] = [];
    readFrames(batch.frames, ({ sequence, start, end, json }) => {
      if (json) {
        pieces.push(this.#form.text(batch.frames.subarray(start, end), this.#idOf(sequence)));
      } else {
        pieces.push(this.#bytes(rewrite(decodeEvent(batch.frames, start, end)), sequence));
      }
    });
    return Buffer.concat(pieces);
  }

  #writeEvent(event: AguiEvent, sequence: bigint | undefined): Uint8Array {
    const before = this.flush();
    if (sequence === undefined) {
      this.#held = event;
      return before;
    }
    this.isAtTerminal = isTerminal(event.type);
    this.lastSequence = Number(sequence);
    const bytes = this.#bytes(this.#rewrite ? this.#rewrite(event) : event, this.lastSequence);
    return before.length === 0 ? bytes : Buffer.concat([before, bytes]);
  }

  #release(sequence: number | undefined): Uint8Array {
    const event = this.#held;
    if (event === undefined) {
      return new Uint8Array();
    }
    this.#held = undefined;
    this.isAtTerminal = isTerminal(event.type);
    this.lastSequence = sequence ?? this.lastSequence;
    return this.#bytes(this.#rewrite ? this.#rewrite(event) : event, sequence);
  }

  #bytes(event: AguiEvent | undefined, sequence: number | undefined): Uint8Array {
    return event === undefined ? new Uint8Array() : this.#form.event(event, this.#idOf(sequence));
  }

  #idOf(sequence: number | undefined): string | undefined {
    return sequence === undefined ? undefined : `${this.#logId}:${sequence}`;
  }
}
