import type { ConnectError } from "@connectrpc/connect";

/** A call that can be ended from outside. */
export interface AbortableCall {
  abort(error: ConnectError): void;
}

/** The streaming calls that run now, so that they can be ended together when the server stops. */
export class ActiveCalls {
  readonly #calls = new Set<AbortableCall>();

  /** How many calls run. */
  get size(): number {
    return this.#calls.size;
  }

  add(call: AbortableCall): void {
    this.#calls.add(call);
  }

  delete(call: AbortableCall): void {
    this.#calls.delete(call);
  }

  /** Ends every call with the error. */
  abortAll(error: ConnectError): void {
    for (const call of [...this.#calls]) {
      call.abort(error);
    }
  }
}
