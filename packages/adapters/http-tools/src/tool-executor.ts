/** A call of a registered tool. */
export interface ToolCall {
  readonly namespace: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly toolCallId: string;
  readonly toolName: string;
  /** Parsed, and checked against the tool's schema. */
  readonly arguments: unknown;
}

/** What a tool answered. An error is a result too: it goes to the agent as text. */
export interface ToolOutcome {
  readonly content: string;
  /** What went wrong, where the tool failed. */
  readonly error?: string;
  /** Why, where it is a limit: the answer is larger than `maxResponseBytes`. */
  readonly reason?: "LIMIT_REACHED";
}

/** Executes calls of tools that are registered with one kind of executor. */
export interface ToolExecutor {
  /** `executor` is what the tool was registered with. Rejects only where the signal aborts, with its reason. */
  execute(call: ToolCall, executor: unknown, signal: AbortSignal): Promise<ToolOutcome>;
}
