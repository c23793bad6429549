import type { Tool } from "@dragoman/agui";
import type { Created } from "../creation.ts";

/** A call of a registered tool. */
export interface ToolCall {
  readonly namespace: string;
  /** Empty where the tool is executed outside of a session. */
  readonly sessionId: string;
  /** The run that has the call; empty without a session. */
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
  /** Why, where it is a limit: the result is too large. */
  readonly reason?: "LIMIT_REACHED";
}

/** What a tool is registered with: what executes it, and what that needs to know. */
export interface ToolSettings {
  /** `client`, `function`, or the name of one of {@link EngineOptions.toolExecutors}. */
  readonly kind: string;
  /** How long a call may take, in milliseconds. Default as the limits of the engine say. */
  readonly timeoutMs?: number;
  readonly [name: string]: unknown;
}

/** Executes the calls of tools that are registered with one kind of settings. */
export interface ToolExecutor {
  /** Throws for settings that are never to be used, such as an endpoint that is not allowed. */
  check?(settings: ToolSettings): void;
  /** Executes a call. A rejection is a result too: the error's message. Stop when the signal aborts. */
  execute(call: ToolCall, settings: ToolSettings, signal: AbortSignal): Promise<ToolOutcome>;
}

/** A tool to register. */
export interface ToolDefinition {
  readonly tool: Tool;
  readonly executor: ToolSettings;
}

/** A tool as it is registered. */
export interface ToolInfo extends ToolDefinition, Created {
  readonly namespace: string;
  /** The session that it is for; empty for all. */
  readonly sessionId: string;
  readonly updateTime: number;
}

/** A tool that is a function of the program that the engine is part of. It is offered in every session. */
export interface FunctionTool {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** What it does, written for the model. */
  readonly description: string;
  /** JSON Schema of the arguments. Default: any object. */
  readonly parameters?: Tool["parameters"];
  /** How long a call may take, in milliseconds. Default {@link EngineLimits.toolTimeoutMs}. */
  readonly timeoutMs?: number;
  /**
   * Runs it. The arguments match the schema. What it returns is the result: text as it is, anything else as JSON. What
   * it throws is told to the agent as an error.
   */
  run(args: Readonly<Record<string, unknown>>, call: ToolCall, signal: AbortSignal): unknown;
}
