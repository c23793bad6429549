import type { EventEmitter } from "node:events";
import type { DrainOutcome } from "./exchange.ts";

/**
 * Waits for `event` on an emitter that may also close, at most `timeoutMs`. Leaves no listener behind.
 *
 * Time that this process spent elsewhere is not counted against the other side: what arrived meanwhile
 * is looked at before it is called stalled.
 */
export function waitFor(
  emitter: EventEmitter,
  event: string | symbol,
  timeoutMs: number,
): Promise<DrainOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: DrainOutcome) => {
      clearTimeout(timer);
      emitter.off(event, onEvent);
      emitter.off("close", onClose);
      resolve(outcome);
    };
    const onEvent = () => settle("drained");
    const onClose = () => settle("closed");
    // Timers come before input and output in a turn of the event loop, immediates after.
    const timer = setTimeout(() => setImmediate(settle, "stalled"), timeoutMs);
    emitter.on(event, onEvent);
    emitter.on("close", onClose);
  });
}

/** Lets everything else that waits have its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
