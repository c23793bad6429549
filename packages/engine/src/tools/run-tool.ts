import type { Problem } from "@dragoman/agui";
import type { EngineErrorReason } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";
import type { ClientCalls } from "./client-calls.ts";
import type { ToolCall, ToolInfo, ToolOutcome } from "./tool.ts";
import type { ToolRegistry } from "./tool-registry.ts";
import { sizeOfOutcome } from "./tool-result.ts";
import type { ToolSchemas } from "./tool-schemas.ts";

/** What came of a call. */
export interface ToolResult extends Omit<ToolOutcome, "reason"> {
  /** Why there is an error. */
  readonly reason?: Extract<
    EngineErrorReason,
    "INVALID_TOOL_ARGUMENTS" | "TOOL_FAILED" | "TOOL_TIMED_OUT" | "LIMIT_REACHED"
  >;
  /** What is wrong with the arguments. */
  readonly problems?: readonly Problem[];
  /** Whether it is that of an earlier request. */
  readonly isRepeated?: boolean;
}

/** What executing tools needs. */
export interface ToolRunner {
  readonly registry: ToolRegistry;
  readonly schemas: ToolSchemas;
  readonly clients: ClientCalls;
  readonly limits: EngineLimits;
}

/** How long the own time-out of an executor comes after ours, so that ours is the one that is told. */
const laterMs = 1_000;
const namedProblems = 20;

/**
 * Executes a call. Whatever goes wrong is a result: arguments that do not match, a failure, a time-out, a result that
 * is too large, the end of its run.
 */
export async function runTool(
  tool: ToolInfo,
  call: ToolCall,
  runner: ToolRunner,
  signal: AbortSignal,
  timeoutMs = timeoutOf(tool, runner.limits),
): Promise<ToolResult> {
  const problems = runner.schemas.problemsOf(tool.tool.parameters, call.arguments);
  if (problems.length > 0) return invalidArguments(problems);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new Error("the tool took too long")), timeoutMs);
  try {
    const both = AbortSignal.any([signal, timeout.signal]);
    const outcome = await untilAborted(execute(tool, call, runner, both, timeoutMs), both);
    return checkedOutcome(outcome, runner.limits);
  } catch (error) {
    if (signal.aborted) return failure("TOOL_FAILED", "The call was given up: its run ended.");
    if (timeout.signal.aborted) return timedOut(tool, timeoutMs);
    return failure("TOOL_FAILED", messageOf(error));
  } finally {
    clearTimeout(timer);
  }
}

/** How long a tool may take. */
export function timeoutOf({ executor }: ToolInfo, limits: EngineLimits): number {
  return (
    executor.timeoutMs ?? (executor.kind === "client" ? limits.clientToolTimeoutMs : limits.toolTimeoutMs)
  );
}

/** A result that says what is wrong with the arguments, so that a model can repair them. */
export function invalidArguments(problems: readonly Problem[]): ToolResult {
  const list = problems.slice(0, namedProblems).map(({ path, message }) => `- ${path || "/"} ${message}`);
  const more = problems.length > namedProblems ? [`- and ${problems.length - namedProblems} more`] : [];
  const message = ["The arguments do not match the tool's schema:", ...list, ...more].join("\n");
  return { ...failure("INVALID_TOOL_ARGUMENTS", message), problems };
}

async function execute(
  tool: ToolInfo,
  call: ToolCall,
  { registry, clients }: ToolRunner,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ToolOutcome> {
  if (tool.executor.kind === "client") {
    return clients.wait({ namespace: call.namespace, id: call.sessionId }, call.toolCallId, signal);
  }
  const executor = registry.executorOf(tool);
  if (!executor) throw new Error(`This server executes no tools of the kind ${tool.executor.kind}.`);
  return executor.execute(call, { ...tool.executor, timeoutMs: timeoutMs + laterMs }, signal);
}

/** Executors are not trusted: what they return is looked at. */
function checkedOutcome(outcome: ToolOutcome, { toolResultMaxBytes }: EngineLimits): ToolResult {
  if (typeof outcome?.content !== "string") return failure("TOOL_FAILED", "The tool returned no text.");
  const size = sizeOfOutcome(outcome);
  if (size > toolResultMaxBytes) {
    const message = `The result has ${size} bytes, more than ${toolResultMaxBytes} (toolResultMaxBytes).`;
    return failure("LIMIT_REACHED", message);
  }
  const { content, error, reason } = outcome;
  if (error === undefined) return { content };
  return { content, error: String(error), reason: reason === "LIMIT_REACHED" ? reason : "TOOL_FAILED" };
}

function timedOut(tool: ToolInfo, timeoutMs: number): ToolResult {
  const who = tool.executor.kind === "client" ? "No client answered" : "The tool did not answer";
  return failure("TOOL_TIMED_OUT", `${who} within ${timeoutMs} ms.`);
}

function failure(reason: NonNullable<ToolResult["reason"]>, error: string): ToolResult {
  return { content: "", error, reason };
}

function messageOf(error: unknown): string {
  const text = textOf(error) || "The tool failed without a message.";
  return text.length > 4096 ? `${text.slice(0, 4096)}…` : text;
}

/** Tools throw all kinds of things, some of which throw again when they are looked at. */
function textOf(error: unknown): string {
  try {
    const message: unknown = error instanceof Error ? error.message : error;
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}

/** What does not listen to its signal is not waited for. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
