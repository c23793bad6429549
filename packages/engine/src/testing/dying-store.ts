import type { Store } from "@dragoman/event-log";

/** A store whose appends stop to be answered, or done, after some: what is left when a process is killed. */
export function dyingStore(store: Store): {
  readonly store: Store;
  dieAfter(appends: number): Promise<void>;
} {
  let left = Number.POSITIVE_INFINITY;
  let markDead = () => {};
  const never = new Promise<never>(() => {});
  const append: Store["log"]["append"] = (...args) => {
    if (left > 0) {
      left--;
      return store.log.append(...args);
    }
    markDead();
    return never;
  };
  const log = new Proxy(store.log, {
    get(target, name) {
      if (name === "append") return append;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return {
    store: { ...store, log, close: () => store.close() },
    dieAfter(appends) {
      left = appends;
      return new Promise((resolve) => {
        markDead = resolve;
      });
    },
  };
}
