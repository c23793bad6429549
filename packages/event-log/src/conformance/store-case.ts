import type { Store } from "../event-log.ts";

/** What a case is about. An implementation may leave a category out, and says why. */
export type StoreCategory =
  | "append"
  | "read"
  | "records"
  | "trim"
  | "remove"
  | "catalog"
  | "keys"
  | "large"
  | "concurrency"
  | "close"
  /** What is still there after closing and opening again; for stores that keep anything. */
  | "reopen";

/** What a case needs from the implementation. */
export interface StoreContext {
  /**
   * Opens the store of this case, with default limits: empty at first. Called again after the store was
   * closed, it opens the same data, if the store keeps any. The case closes what it opens.
   */
  open(): Promise<Store>;
}

/** One thing that every store does. */
export interface StoreCase {
  readonly name: string;
  readonly category: StoreCategory;
  /** Rejects if the store does something else. */
  run(context: StoreContext): Promise<void>;
}

/** Makes a case that opens one store and closes it, whatever comes. */
export function storeCase(
  category: StoreCategory,
  name: string,
  test: (store: Store) => Promise<void>,
): StoreCase {
  return {
    category,
    name,
    async run(context) {
      const store = await context.open();
      try {
        await test(store);
      } finally {
        await store.close();
      }
    },
  };
}
