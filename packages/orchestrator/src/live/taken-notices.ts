import { create } from "@bufbuild/protobuf";
import {
  type LiveSessionResponse,
  LiveSessionResponseSchema,
} from "@dragoman/contract/agent/v1/live_service_pb";

/** What an agent took, to be told to the caller of its live session. */
export class TakenNotices {
  readonly #numbers: number[] = [];
  #isClosed = false;
  #wake = () => {};

  /** The agent took the input of a request. */
  add(requestNumber: number): void {
    this.#numbers.push(requestNumber);
    this.#wake();
  }

  /** Those that are not told yet. */
  *pending(): Generator<LiveSessionResponse> {
    for (let next = this.#numbers.shift(); next !== undefined; next = this.#numbers.shift())
      yield notice(next);
  }

  /** All of them, as they come. */
  async *notices(): AsyncGenerator<LiveSessionResponse> {
    while (!this.#isClosed) {
      yield* this.pending();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }
}

function notice(requestNumber: number): LiveSessionResponse {
  return create(LiveSessionResponseSchema, {
    item: { case: "taken", value: { requestNumber: BigInt(requestNumber) } },
  });
}
