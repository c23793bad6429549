import type { RunPipeline } from "@dragoman/agent";
import type { RunAgentInput, RunFinishedEvent, Tool } from "@dragoman/agui";
import type { ActiveRun } from "../active-run.ts";
import { EngineError } from "../errors.ts";
import { runErrorCodes } from "../execute-context.ts";
import { historyForAgent } from "../reconcile-messages.ts";
import type { RunPort } from "../run-port.ts";
import type { Session } from "../session.ts";
import { callArguments } from "./call-arguments.ts";
import { roundRunId } from "./round-run-id.ts";
import { invalidArguments, runTool, type ToolResult } from "./run-tool.ts";
import type { ToolInfo } from "./tool.ts";
import type { ToolHost } from "./tool-host.ts";
import { toolResultEvent } from "./tool-result.ts";

/** A run whose agent has said that it is done, as far as the tool loop is concerned. */
export interface RoundRun extends RunPort {
  readonly pipeline: RunPipeline;
  /** Ends the run with an error of the host's own. */
  refuse(code: string, message: string): void;
  /** The agent is called again: it is given all that the log holds. */
  callAgain(held: RunFinishedEvent): void;
}

/** What the tool loop of a run needs. */
export interface ToolLoop {
  readonly session: Session;
  readonly run: ActiveRun;
  readonly execution: RoundRun;
  /** What the agent was called with first. */
  readonly input: RunAgentInput;
  /** The tools of the request: they are the client's, whatever is registered under their names. */
  readonly ownTools: readonly Tool[];
  readonly tools: ToolHost;
}

/** A call that the server executes. */
interface HostedCall {
  readonly toolCallId: string;
  readonly tool: ToolInfo;
}

/**
 * Does what an agent left to its host when it ended with calls that have no result: executes those of registered
 * tools, and returns the input to call the agent again with. Undefined where the run ends instead: nothing is left to
 * the host, or something is left to the client.
 *
 * @param round how often the agent was called in this run
 */
export async function nextRound(loop: ToolLoop, round: number): Promise<RunAgentInput | undefined> {
  const { session, run, execution, tools } = loop;
  const { pipeline, calls } = execution;
  const { held } = pipeline;
  if (!held) return undefined;
  const hosted = await hostedCalls(loop);
  const { toolRoundsMax } = tools.limits;
  if ((hosted.length > 0 || calls.hasFresh) && round > toolRoundsMax) {
    const message = `The agent was called again ${toolRoundsMax} times with results of tools (toolRoundsMax), and calls more.`;
    execution.refuse(runErrorCodes.limit, message);
    return undefined;
  }
  if (hosted.length > 0) {
    if (!(await isDurable(session))) return undefined;
    await executeAll(loop, hosted);
  }
  const { signal } = run.controller;
  if (signal.aborted) {
    pipeline.cancel();
    return undefined;
  }
  if (!calls.hasFresh || calls.open().length > 0) {
    pipeline.release(withPending(held, (id) => calls.isOpen(id)));
    return undefined;
  }
  if (!(await isDurable(session))) return undefined;
  execution.callAgain(held);
  const next = await inputOf(loop, round + 1);
  pipeline.goOn(next.runId);
  return next;
}

/** Where the store fails, the run ends as it does for every other event. */
function isDurable(session: Session): Promise<boolean> {
  return session.flush().then(
    () => true,
    () => false,
  );
}

/** The open calls of registered tools. */
async function hostedCalls({ session, execution, ownTools, tools }: ToolLoop): Promise<HostedCall[]> {
  const hosted: HostedCall[] = [];
  for (const { toolCallId, toolName } of execution.calls.open()) {
    const tool = await tools.toolOfCall(session, ownTools, toolName);
    if (!tool) continue;
    hosted.push({ toolCallId, tool });
    if (tool.executor.kind !== "client") execution.calls.markHosted(toolCallId);
  }
  return hosted;
}

/** Executes calls side by side, as many at once as may be. */
async function executeAll(loop: ToolLoop, hosted: readonly HostedCall[]): Promise<void> {
  const waiting = hosted.values();
  const work = async () => {
    for (const call of waiting) {
      if (loop.run.controller.signal.aborted) return;
      await executeOne(loop, call);
    }
  };
  const workers = Math.min(hosted.length, loop.tools.limits.toolCallsParallelMax);
  await Promise.all(Array.from({ length: workers }, work));
}

async function executeOne(loop: ToolLoop, { toolCallId, tool }: HostedCall): Promise<void> {
  const { session, run, execution, tools } = loop;
  const { namespace, sessionId, runId } = run.info;
  const made = session.fold.toolCall(toolCallId);
  const args = callArguments(execution.calls.argsOf(toolCallId));
  const call = { namespace, sessionId, runId, toolCallId, toolName: tool.tool.name };
  const result = args.problems
    ? invalidArguments(args.problems)
    : await runTool(tool, { ...call, arguments: args.value }, tools, run.controller.signal);
  // A client may have answered meanwhile, or the run may be over.
  if (!execution.calls.isOpen(toolCallId) || run.controller.signal.aborted) return;
  inject(loop, toolCallId, result, made?.subagentRunId);
}

/** A result that cannot be kept is a failure like any other. */
function inject(
  { session, execution }: ToolLoop,
  toolCallId: string,
  result: ToolResult,
  subagentRunId: string | undefined,
): void {
  const { messages } = session.fold;
  try {
    execution.inject([toolResultEvent(messages, toolCallId, result, subagentRunId)]);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const failed = { content: "", error: `The result cannot be kept: ${error.message}` };
    execution.inject([toolResultEvent(messages, toolCallId, failed, subagentRunId)]);
  }
  execution.calls.markFresh(toolCallId);
}

/** What was named as pending and has a result now is not pending any more. */
function withPending(held: RunFinishedEvent, isOpen: (toolCallId: string) => boolean): RunFinishedEvent {
  const { outcome } = held;
  if (outcome?.type !== "success" || !outcome.pendingToolCallIds) return held;
  const pendingToolCallIds = outcome.pendingToolCallIds.filter(isOpen);
  if (pendingToolCallIds.length === outcome.pendingToolCallIds.length) return held;
  return { ...held, outcome: { ...outcome, pendingToolCallIds } };
}

/** What the agent is called with again: all that the log holds, as a run of its own as far as it knows. */
async function inputOf(
  { session, execution, input, ownTools, tools }: ToolLoop,
  round: number,
): Promise<RunAgentInput> {
  const { resume: _answered, ...rest } = input;
  return structuredClone({
    ...rest,
    runId: roundRunId(input.runId, round),
    messages: historyForAgent(session.fold.messages, new Set()),
    state: execution.state.current,
    tools: await tools.offered(session, ownTools),
  });
}
