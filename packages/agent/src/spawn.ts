/** What an agent says of a task that it gives to another one. */
export interface SpawnOptions {
  /** The id of the sub-agent's run. The same id and task again get the same answer. Default: a new one. */
  readonly taskId?: string;
  /** What readers of the run see as the name of the sub-agent. Default: the agent's id. */
  readonly name?: string;
  /** What it is for, in a sentence. Default: the agent's own description. */
  readonly description?: string;
  /** The tool call that delegates. */
  readonly parentToolCallId?: string;
}

/** What a sub-agent came to. */
export interface SpawnResult {
  /** The session of its own that it ran in. */
  readonly sessionId: string;
  /** Its run: the task id. */
  readonly runId: string;
  readonly outcome: "success" | "interrupted" | "cancelled";
  /** The text of its last message. */
  readonly content: string;
  /** The interrupts that wait for an answer in its session, where it is interrupted. */
  readonly interruptIds: readonly string[];
}

/**
 * Gives a task to another agent of the host and waits for what it comes to. Rejects if there is no such agent, if
 * a limit is reached, and if the sub-agent's run fails.
 */
export type Spawn = (agentId: string, task: string, options?: SpawnOptions) => Promise<SpawnResult>;
