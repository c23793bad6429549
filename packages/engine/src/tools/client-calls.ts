import type { LogKey } from "@dragoman/event-log";
import type { ToolOutcome } from "./tool.ts";

/** Calls that wait for a client to answer them. */
export class ClientCalls {
  readonly #waiting = new Map<string, (outcome: ToolOutcome) => void>();

  /** Whether a call waits. */
  isWaiting(key: LogKey, toolCallId: string): boolean {
    return this.#waiting.has(idOf(key, toolCallId));
  }

  /** Waits for an answer. Rejects with the signal's reason. */
  wait(key: LogKey, toolCallId: string, signal: AbortSignal): Promise<ToolOutcome> {
    const id = idOf(key, toolCallId);
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(id);
        reject(signal.reason);
      };
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, (outcome) => {
        signal.removeEventListener("abort", abort);
        resolve(outcome);
      });
    });
  }

  /** Takes a call: whoever has the returned function is the only one to answer it. Undefined if it does not wait. */
  take(key: LogKey, toolCallId: string): ((outcome: ToolOutcome) => void) | undefined {
    const id = idOf(key, toolCallId);
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    return answer;
  }
}

function idOf({ namespace, id }: LogKey, toolCallId: string): string {
  return JSON.stringify([namespace, id, toolCallId]);
}
