import type { RunContext } from "@dragoman/agent";
import type { Tool } from "@dragoman/agui";
import type { ActiveRun } from "./active-run.ts";
import type { EngineLimits } from "./limits.ts";
import type { ToolHost } from "./tools/tool-host.ts";

/** What executing a run needs besides its session. */
export interface ExecuteContext {
  readonly limits: EngineLimits;
  readonly now: () => number;
  /** Aborts when the engine gives up: nothing is retried any more. */
  readonly closed: AbortSignal;
  /** The tools that are registered. */
  readonly tools: ToolHost;
  /** The tools of the request, which are the client's. Default none. */
  readonly ownTools?: readonly Tool[];
  /** What the agent of a run is given besides what every host gives it. */
  readonly runContext: (run: ActiveRun) => Partial<RunContext>;
  /** Called before a run ends whose agent did not take something that it was promised an answer to. */
  readonly onUnheard?: () => Promise<void>;
}

/** The codes of the RUN_ERRORs that an engine writes, besides those of the agent's own pipeline. */
export const runErrorCodes = {
  /** The process that ran it ended; nobody knows how far the agent got. */
  nodeLost: "NODE_LOST",
  /** The server was stopped and did not wait longer. */
  shutdown: "SERVER_SHUTDOWN",
  /** A limit of the server was reached; the message names it. */
  limit: "LIMIT_REACHED",
  /** An event cannot be kept, such as one that is nested too deep. */
  unstorable: "EVENT_NOT_STORABLE",
  /** The store took no events; what was not stored was shown to nobody. */
  storage: "STORAGE_FAILED",
} as const;
