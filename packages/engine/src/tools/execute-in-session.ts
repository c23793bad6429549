import type { Agent } from "@dragoman/agent";
import { type AguiEvent, decodeEvent, EventBatch, type Message, readFrames } from "@dragoman/agui";
import type { ActiveRun } from "../active-run.ts";
import { appendChange } from "../change.ts";
import type { EngineCore } from "../core.ts";
import { EngineError } from "../errors.ts";
import { newId } from "../new-id.ts";
import { originMetadata } from "../origin.ts";
import type { RunPort } from "../run-port.ts";
import type { Session } from "../session.ts";
import { withPort } from "../with-port.ts";
import { type CallRecord, callChange, fingerprintOfCall } from "./call-entry.ts";
import { runTool, type ToolResult } from "./run-tool.ts";
import type { ToolInfo } from "./tool.ts";
import { toolErrorKey, toolResultEvent } from "./tool-result.ts";

/** A call that a client asks for. */
export interface SessionCall {
  readonly tool: ToolInfo;
  readonly toolCallId: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number | undefined;
  /** The fingerprint of the request. */
  readonly request: string;
}

/** What came of it. */
export interface SessionCallResult {
  readonly result: ToolResult;
  readonly runId: string;
}

/** A call whose events are in the log. */
interface BegunCall {
  readonly runId: string;
  /** The run that was begun for it; undefined if it is part of another. */
  readonly own: ActiveRun | undefined;
}

/** Executes a tool in a session: the call and its result are events of its active run, or of a run of their own. */
export async function executeInSession(
  core: EngineCore,
  session: Session,
  call: SessionCall,
): Promise<SessionCallResult> {
  const done = Promise.withResolvers<void>();
  const begun = await again(() =>
    withPort(session, (port) => begin(core, session, port, call, done.promise)),
  );
  begun.own?.attach();
  try {
    const signals = [core.closed, ...(begun.own ? [begun.own.controller.signal] : [])];
    const { toolCallId, tool, args } = call;
    const { namespace, id: sessionId } = session.key;
    const made = {
      namespace,
      sessionId,
      runId: begun.runId,
      toolCallId,
      toolName: tool.tool.name,
      arguments: args,
    };
    const result = await runTool(tool, made, core.tools, AbortSignal.any(signals), call.timeoutMs);
    const logged = await again(() =>
      withPort(session, (port) => log(core, session, port, call, begun, result)),
    );
    done.resolve();
    await begun.own?.ended;
    return { result: logged, runId: begun.runId };
  } finally {
    done.resolve();
    begun.own?.detach();
  }
}

/** The result of a call that was executed before, read back from the log; undefined if it is not kept any more. */
export async function readResult(session: Session, record: CallRecord): Promise<ToolResult | undefined> {
  const page = await session.log
    .read(session.key, { after: record.sequence - 1, maxBytes: 1 })
    .catch(() => undefined);
  const [chunk] = page?.chunks ?? [];
  if (!page || !chunk) return undefined;
  let found: ToolResult | undefined;
  const batch = new EventBatch(page.head.logId, chunk.bytes);
  readFrames(batch.frames, ({ sequence, start, end, json }) => {
    if (sequence === record.sequence && !json)
      found = resultOf(decodeEvent(batch.frames, start, end), record);
  });
  return found;
}

function resultOf(event: AguiEvent, { reason }: CallRecord): ToolResult | undefined {
  if (event.type !== "TOOL_CALL_RESULT" || typeof event.content !== "string") return undefined;
  const error = event.metadata?.[toolErrorKey];
  if (typeof error !== "string") return { content: event.content };
  return { content: event.content, error, reason: reason ?? "TOOL_FAILED" };
}

/** What a client answered; one in parts is none of ours. */
function resultOfMessage({ content, metadata }: Message, otherwise: ToolResult): ToolResult {
  if (typeof content !== "string") return otherwise;
  const error = metadata?.[toolErrorKey];
  return typeof error === "string" ? { content, error, reason: "TOOL_FAILED" } : { content };
}

async function begin(
  core: EngineCore,
  session: Session,
  port: RunPort | undefined,
  call: SessionCall,
  done: Promise<void>,
): Promise<BegunCall | "again"> {
  session.assertOpen();
  const { toolCallId, request } = call;
  const writer = await session.write();
  if (!port) return beginOwn(core, session, call, done);
  if (session.active?.port !== port) return "again";
  const runId = session.active.info.runId;
  port.inject(callEvents(call));
  writer.add([], [callChange(core, session, { toolCallId, request, runId, sequence: 0 })]);
  await session.flush();
  return { runId, own: undefined };
}

/** Begins a run that has the call and waits for its result: cancelled, lost and watched as any other. */
async function beginOwn(
  core: EngineCore,
  session: Session,
  call: SessionCall,
  done: Promise<void>,
): Promise<BegunCall> {
  const { toolCallId, request } = call;
  const runId = newId();
  const record = { toolCallId, request, runId, sequence: 0 };
  const opening = { events: callEvents(call), catalog: () => [callChange(core, session, record)] };
  const { run } = await core.runs.startOrJoin(
    session,
    {
      namespace: session.key.namespace,
      agentId: session.info.agentId,
      input: { threadId: session.sessionId, runId, messages: [] },
      ifActive: "reject",
      disconnect: { action: "continue", graceMs: 0 },
      origin: "tool",
      opening,
    },
    waitingAgent(done),
  );
  return { runId, own: "controller" in run ? run : undefined };
}

/** Logs a result, unless a client has answered: then it is in the log. Returns what counts. */
async function log(
  core: EngineCore,
  session: Session,
  port: RunPort | undefined,
  call: SessionCall,
  { runId }: BegunCall,
  result: ToolResult,
): Promise<ToolResult | "again"> {
  const { toolCallId, request } = call;
  if (port) await session.flush();
  const answered = session.fold.messages.find((one) => one.role === "tool" && one.toolCallId === toolCallId);
  const writer = await session.write();
  if (port && session.active?.port !== port) return "again";
  const event = toolResultEvent(session.fold.messages, toolCallId, result);
  const answer = fingerprintOfCall({ content: event.content, error: result.error ?? null });
  const { reason } = result;
  const keep = (sequence: number) =>
    callChange(core, session, { toolCallId, request, answer, runId, sequence, ...(reason && { reason }) });
  if (answered) return resultOfMessage(answered, result);
  // A session that was ended takes nothing any more.
  if (session.info.state !== "active") return result;
  if (port) {
    writer.add([], [keep(port.inject([event]))]);
    await session.flush();
  } else {
    const catalog = [keep(writer.nextSequence + 1)];
    const change = { runId: newId(), origin: "tool", events: [event], catalog } as const;
    await session.writing(() => appendChange(session, change, core.created()));
  }
  return result;
}

function callEvents({ toolCallId, tool, args }: SessionCall): AguiEvent[] {
  // Marks events in a run of an agent that the agent did not make.
  const metadata = originMetadata("tool");
  const delta = JSON.stringify(args);
  return [
    { type: "TOOL_CALL_START", toolCallId, toolCallName: tool.tool.name, metadata },
    { type: "TOOL_CALL_ARGS", toolCallId, delta },
    { type: "TOOL_CALL_END", toolCallId },
  ];
}

/** Keeps a run open until its call is done. */
function waitingAgent(done: Promise<void>): Agent {
  return {
    async *run({ threadId, runId }) {
      await done;
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
}

/** Looks again while runs end under one's eyes. */
async function again<T>(task: () => Promise<T | "again">): Promise<T> {
  for (;;) {
    const outcome = await task();
    if (outcome !== "again") return outcome as T;
  }
}

/** The error for a call that was begun by a server that stopped. */
export function callLost(toolCallId: string, toolName: string): EngineError {
  return new EngineError(
    "TOOL_FAILED",
    "the server stopped while the tool was executed; nobody knows how far it got: look, and call it anew with another id",
    { tool_name: toolName, tool_call_id: toolCallId },
  );
}
