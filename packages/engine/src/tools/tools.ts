import type { LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { EngineError, limitReached, quote } from "../errors.ts";
import type { Page } from "../lists.ts";
import { newId } from "../new-id.ts";
import type { Session } from "../session.ts";
import { withPort } from "../with-port.ts";
import { type CallRecord, findCall, fingerprintOfCall } from "./call-entry.ts";
import { contentOf } from "./content-of.ts";
import { callLost, executeInSession, readResult, type SessionCallResult } from "./execute-in-session.ts";
import { runTool, timeoutOf } from "./run-tool.ts";
import { type AcceptedResult, checkResultSize, type SubmittedResult, submitResult } from "./submit-result.ts";
import type { ToolDefinition, ToolInfo } from "./tool.ts";
import type { ListToolsQuery } from "./tool-registry.ts";

/** A tool to execute on behalf of a client. */
export interface ExecuteToolRequest {
  readonly namespace: string;
  /** Empty for a tool that is executed outside of any session: nothing of it is logged. */
  readonly sessionId: string;
  readonly toolName: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** A key for safe retries within the session; empty for none. */
  readonly toolCallId: string;
  /** How long it may take; default as the tool says. */
  readonly timeoutMs?: number | undefined;
}

/** What a tool returned to a client. */
export interface ExecutedTool {
  readonly toolCallId: string;
  readonly content: string;
  /** How long it took; 0 for a repeated answer. */
  readonly durationMs: number;
  /** The run that has its events; empty without a session. */
  readonly runId: string;
}

/** A call that is being executed. */
interface RunningCall {
  readonly request: string;
  readonly ended: Promise<SessionCallResult>;
}

/** The tools of sessions, and those for all: registered, executed, answered by clients. */
export class Tools {
  readonly #core: EngineCore;
  readonly #running = new Map<string, RunningCall>();
  #runningCount = 0;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /**
   * Registers tools, all or none, for a session or, with an empty id, for all.
   *
   * Rejects with INVALID_TOOL, TOOL_EXISTS, SESSION_NOT_FOUND, SESSION_ENDED, LIMIT_REACHED, UNSUPPORTED, or what an
   * executor says.
   */
  async register(key: LogKey, definitions: readonly ToolDefinition[], replace: boolean): Promise<ToolInfo[]> {
    this.#core.assertNotClosing();
    const { namespace, id } = key;
    return this.#withSession(key, (session) => {
      session?.assertOpen();
      return this.#core.tools.registry.register(namespace, id, definitions, replace);
    });
  }

  /** Lists tools, newest first. Rejects with SESSION_NOT_FOUND or INVALID_PAGE_TOKEN. */
  async list(query: ListToolsQuery): Promise<Page<ToolInfo>> {
    const key = { namespace: query.namespace, id: query.sessionId };
    return this.#withSession(key, () => this.#core.tools.registry.list(query));
  }

  /** Takes tools away; returns the names of those that were registered. Rejects with SESSION_NOT_FOUND. */
  async unregister(key: LogKey, names: readonly string[]): Promise<string[]> {
    this.#core.assertNotClosing();
    return this.#withSession(key, () => this.#core.tools.registry.unregister(key.namespace, key.id, names));
  }

  /**
   * Executes a tool. In a session the call goes on when nobody waits any more.
   *
   * Rejects with INVALID_TOOL_ARGUMENTS, TOOL_NOT_FOUND, TOOL_FAILED, TOOL_TIMED_OUT, LIMIT_REACHED, REQUEST_EXISTS
   * and what a session that takes no calls says.
   *
   * @param signal ends a call outside of sessions
   */
  async execute(request: ExecuteToolRequest, signal: AbortSignal): Promise<ExecutedTool> {
    this.#core.assertNotClosing();
    const key = { namespace: request.namespace, id: request.sessionId };
    return this.#withSession(key, (session) =>
      session ? this.#executeIn(session, request) : this.#executeAlone(request, signal),
    );
  }

  /**
   * Takes the result of a call that a client executed; the first one counts.
   *
   * Rejects with TOOL_CALL_NOT_FOUND, TOOL_CALL_ANSWERED, LIMIT_REACHED, and what a session says that takes no results.
   */
  async submit(key: LogKey, submitted: SubmittedResult): Promise<AcceptedResult> {
    this.#core.assertNotClosing();
    checkResultSize(submitted, this.#core.limits.toolResultMaxBytes);
    return this.#core.sessions.use(key, async (session) => {
      for (;;) {
        const accepted = await withPort(session, (port) =>
          submitResult(this.#core, session, port, submitted),
        );
        if (accepted !== "again") return accepted;
      }
    });
  }

  /** Does something in a session, or with an empty id outside of any. */
  #withSession<T>(key: LogKey, task: (session: Session | undefined) => Promise<T>): Promise<T> {
    return key.id === "" ? task(undefined) : this.#core.sessions.use(key, task);
  }

  async #executeAlone(request: ExecuteToolRequest, signal: AbortSignal): Promise<ExecutedTool> {
    const { namespace, toolName, args, timeoutMs } = request;
    const tool = await this.#find(request);
    if (tool.executor.kind === "client") {
      const message = `the tool ${quote(toolName)} is executed by a client, which needs a session: name one`;
      throw new EngineError("INVALID_REQUEST", message, { path: "session_id" });
    }
    const toolCallId = request.toolCallId || newId();
    const call = { namespace, sessionId: "", runId: "", toolCallId, toolName, arguments: args };
    const either = AbortSignal.any([signal, this.#core.closed]);
    const startedAt = performance.now();
    const result = await this.#counted(() => runTool(tool, call, this.#core.tools, either, timeoutMs));
    const waitedMs = timeoutMs ?? timeoutOf(tool, this.#core.limits);
    return {
      toolCallId,
      content: contentOf(result, { toolName, toolCallId, timeoutMs: waitedMs, limits: this.#core.limits }),
      ...since(startedAt),
      runId: "",
    };
  }

  async #executeIn(session: Session, request: ExecuteToolRequest): Promise<ExecutedTool> {
    const { toolName, args, timeoutMs } = request;
    const toolCallId = request.toolCallId || newId();
    const fingerprint = fingerprintOfCall({ toolName, args });
    const id = JSON.stringify([session.key.namespace, session.sessionId, toolCallId]);
    const running = this.#running.get(id);
    if (running && running.request !== fingerprint) throw requestExists(toolCallId);
    const startedAt = performance.now();
    const ended = running?.ended ?? this.#begin(id, session, request, toolCallId, fingerprint);
    const { result, runId } = await ended;
    const tool = await this.#core.tools.registry.find(session.key.namespace, session.sessionId, toolName);
    const waitedMs = timeoutMs ?? (tool ? timeoutOf(tool, this.#core.limits) : 0);
    const { limits } = this.#core;
    const content = contentOf(result, { toolName, toolCallId, timeoutMs: waitedMs, limits });
    const isRepeated = running !== undefined || result.isRepeated === true;
    return { toolCallId, content, ...(isRepeated ? { durationMs: 0 } : since(startedAt)), runId };
  }

  /** Executes a call once, however many ask for it meanwhile. */
  #begin(
    id: string,
    session: Session,
    request: ExecuteToolRequest,
    toolCallId: string,
    fingerprint: string,
  ): Promise<SessionCallResult> {
    const ended = this.#executeOnce(session, request, toolCallId, fingerprint);
    this.#running.set(id, { request: fingerprint, ended });
    const forget = () => void this.#running.delete(id);
    ended.then(forget, forget);
    return ended;
  }

  async #executeOnce(
    session: Session,
    request: ExecuteToolRequest,
    toolCallId: string,
    fingerprint: string,
  ): Promise<SessionCallResult> {
    const before = await findCall(this.#core, session, toolCallId);
    if (before) return repeated(session, before, request, fingerprint);
    if (session.fold.toolCall(toolCallId)) throw requestExists(toolCallId);
    session.assertOpen();
    const { args, timeoutMs } = request;
    const tool = await this.#find(request);
    const problems = this.#core.tools.schemas.problemsOf(tool.tool.parameters, args);
    if (problems.length > 0) {
      const error = problems.map(({ path, message }) => `${path || "/"} ${message}`).join("; ");
      return { result: { content: "", error, reason: "INVALID_TOOL_ARGUMENTS", problems }, runId: "" };
    }
    const call = { tool, toolCallId, args, timeoutMs, request: fingerprint };
    return this.#counted(() => executeInSession(this.#core, session, call));
  }

  async #find({ namespace, sessionId, toolName }: ExecuteToolRequest): Promise<ToolInfo> {
    const tool = await this.#core.tools.registry.find(namespace, sessionId, toolName);
    if (tool) return tool;
    const where = sessionId === "" ? "for all sessions" : `in the session ${quote(sessionId)} or for all`;
    const message = `there is no tool ${quote(toolName)} ${where}`;
    throw new EngineError("TOOL_NOT_FOUND", message, { tool_name: toolName });
  }

  async #counted<T>(task: () => Promise<T>): Promise<T> {
    const { toolCallsMax } = this.#core.limits;
    if (this.#runningCount >= toolCallsMax)
      throw limitReached(
        "toolCallsMax",
        toolCallsMax,
        "too many tools are executed at once: try again later",
      );
    this.#runningCount++;
    try {
      return await task();
    } finally {
      this.#runningCount--;
    }
  }
}

/** What a call came to that was asked for before. */
async function repeated(
  session: Session,
  before: CallRecord,
  { toolName }: ExecuteToolRequest,
  fingerprint: string,
): Promise<SessionCallResult> {
  const { toolCallId, runId } = before;
  if (before.request !== fingerprint) throw requestExists(toolCallId);
  const result = before.sequence > 0 ? await readResult(session, before) : undefined;
  if (!result) {
    // Where the session ended meanwhile, that is why.
    session.assertOpen();
    throw callLost(toolCallId, toolName);
  }
  return { result: { ...result, isRepeated: true }, runId };
}

function since(startedAt: number): { readonly durationMs: number } {
  return { durationMs: performance.now() - startedAt };
}

function requestExists(toolCallId: string): EngineError {
  const message = `the tool call id ${quote(toolCallId)} was used with another call: choose a new one`;
  return new EngineError("REQUEST_EXISTS", message, { request_id: toolCallId });
}
