import type { ContextKey, ContextValues } from "@connectrpc/connect";
import { readyBatches } from "@dragoman/rpc";

/** The context values of a streaming call: those of its request, and that ready batches may be yielded. */
export class CallValues implements ContextValues {
  #values: Map<symbol, unknown> | undefined;
  readonly #given: ContextValues | undefined;

  constructor(given: ContextValues | undefined) {
    this.#given = given;
  }

  get<T>(key: ContextKey<T>): T {
    if (this.#values?.has(key.id)) {
      return this.#values.get(key.id) as T;
    }
    if (key.id === readyBatches.id) {
      return true as T;
    }
    return this.#given ? this.#given.get(key) : key.defaultValue;
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this.#values ??= new Map();
    this.#values.set(key.id, value);
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    return this.set(key, key.defaultValue);
  }
}
