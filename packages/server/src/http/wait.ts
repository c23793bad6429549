import type { EventEmitter } from "node:events";
import type { DrainOutcome } from "./exchange.ts";

/** Waits for `event` on an emitter that may also close, at most `timeoutMs`. Leaves no listener behind. */
export function waitFor(emitter: EventEmitter, event: string, timeoutMs: number): Promise<DrainOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: DrainOutcome) => {
      clearTimeout(timer);
      emitter.off(event, onEvent);
      emitter.off("close", onClose);
      resolve(outcome);
    };
    const onEvent = () => settle("drained");
    const onClose = () => settle("closed");
    const timer = setTimeout(settle, timeoutMs, "stalled");
    emitter.on(event, onEvent);
    emitter.on("close", onClose);
  });
}
