/** A stream of exactly one message. */
export class OneMessage<T> implements AsyncIterableIterator<T, undefined, undefined> {
  #message: T | undefined;
  #taken = false;

  constructor(message: T) {
    this.#message = message;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#taken) {
      return { done: true, value: undefined };
    }
    const value = this.#message as T;
    this.#taken = true;
    this.#message = undefined;
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#taken = true;
    this.#message = undefined;
    return { done: true, value: undefined };
  }
}
