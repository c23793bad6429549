import {
  FencedError,
  LimitError,
  LogNotFoundError,
  StoreClosedError,
  StoreFailedError,
  StoreFullError,
} from "@dragoman/event-log";
import { EngineError, limitReached, sessionNotFound } from "./errors.ts";

/** What a client is told of an error of the store. Driver texts stay inside. */
export function storageError(error: unknown): unknown {
  if (error instanceof StoreFullError) {
    return new EngineError(
      "STORAGE_FULL",
      "the store has no room: nothing was written; free space and try again",
    );
  }
  if (error instanceof FencedError) {
    return new EngineError("FENCED", "another server has taken the session over: try again", {
      session_id: error.key.id,
    });
  }
  if (error instanceof StoreFailedError) {
    return new EngineError(
      "STORAGE_UNAVAILABLE",
      "the store failed and takes no writes: look at the server's log, and restart it",
    );
  }
  if (error instanceof LimitError) {
    return limitReached(error.limit, error.max, "the store takes no more at once");
  }
  if (error instanceof LogNotFoundError) return sessionNotFound(error.key.id);
  if (error instanceof StoreClosedError) {
    return new EngineError("SHUTTING_DOWN", "the server is shutting down");
  }
  return error;
}
