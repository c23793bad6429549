import { createContext, Script } from "node:vm";

/** Runs a task that does not wait, for a limited time. */
export type TimeBox = <T>(task: () => T) => T;

/** A task took longer than it may. */
export class TimeBoxError extends Error {
  override readonly name = "TimeBoxError";
}

/**
 * Makes a time box: a task that takes too long is stopped where it is, also within a regular expression, and throws
 * {@link TimeBoxError}. For what users bring along and what may never end, such as the patterns of a schema.
 */
export function createTimeBox(timeoutMs: number): TimeBox {
  const context = createContext({}) as { task?: () => unknown };
  const script = new Script("task()");
  return <T>(task: () => T): T => {
    let result: { readonly value: T } | undefined;
    context.task = () => {
      result = { value: task() };
    };
    try {
      script.runInContext(context, { timeout: timeoutMs });
    } catch (error) {
      if (!isTimeout(error)) throw error;
      throw new TimeBoxError(`this took longer than ${timeoutMs} ms`, { cause: error });
    } finally {
      delete context.task;
    }
    if (!result) throw new Error("the task did not run");
    return result.value;
  };
}

function isTimeout(error: unknown): boolean {
  // It is an Error of another context, so no instance of ours.
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
