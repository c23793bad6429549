import type { RunErrorEvent } from "@dragoman/agui";
import { isAgentError, runErrorCodes } from "./errors.ts";

/** The longest message of a RUN_ERROR that a host writes, in UTF-16 units. */
const maxMessageLength = 4096;

/** A RUN_ERROR of the host's own. The message is cut where it is too long to show. */
export function runError(code: string, message: string): RunErrorEvent {
  const text = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  return { type: "RUN_ERROR", message: text.toWellFormed(), code };
}

/** The RUN_ERROR for what an agent threw: its message and, where it has one, its code; never its stack. */
export function runErrorOf(error: unknown): RunErrorEvent {
  const message = error instanceof Error ? error.message : typeof error === "string" ? error : "";
  return runError(
    isAgentError(error) ? error.code : runErrorCodes.agentError,
    message === "" ? "The agent failed without a message." : message,
  );
}
