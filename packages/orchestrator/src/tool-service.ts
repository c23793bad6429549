import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { toolFromMessage, toolToMessage } from "@dragoman/agui";
import {
  type HttpToolExecutor,
  type RegisteredTool,
  RegisteredToolSchema,
  type ToolExecutor,
  ToolExecutorSchema,
} from "@dragoman/contract/orchestrator/v1/tool_pb";
import type { ToolService } from "@dragoman/contract/orchestrator/v1/tool_service_pb";
import { EngineError, type ToolDefinition, type ToolInfo, type ToolSettings } from "@dragoman/engine";
import { mapErrors } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { readStruct } from "./read-value.ts";

/** Serves orchestrator.v1.ToolService on an engine. */
export function createToolService({ engine, namespaceOf }: CompleteOptions): ServiceImpl<typeof ToolService> {
  return {
    registerTools: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        const definitions = request.tools.map(definitionOf);
        const tools = await engine.tools.register(key, definitions, request.replace);
        return { tools: tools.map(registeredTool) };
      }),
    listTools: (request, context) =>
      mapErrors(async () => {
        const { sessionId, pageSize, pageToken } = request;
        const namespace = namespaceOf(context);
        const page = await engine.tools.list({ namespace, sessionId, pageSize, pageToken });
        return { tools: page.items.map(registeredTool), nextPageToken: page.nextPageToken };
      }),
    unregisterTools: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        return { names: await engine.tools.unregister(key, request.names) };
      }),
    executeTool: (request, context) =>
      mapErrors(async () => {
        const { sessionId, toolName, toolCallId, timeout } = request;
        const namespace = namespaceOf(context);
        const args = readStruct(request.arguments ?? {}, "arguments");
        const timeoutMs = msOf(timeout);
        const call = { namespace, sessionId, toolName, toolCallId, args, timeoutMs };
        const { durationMs, ...executed } = await engine.tools.execute(call, context.signal);
        return { ...executed, duration: durationFromMs(Math.round(durationMs)) };
      }),
    submitToolResult: (request, context) =>
      mapErrors(async () => {
        const { sessionId, toolCallId, content, error, hold } = request;
        const key = { namespace: namespaceOf(context), id: sessionId };
        const submitted = { toolCallId, content, hold, ...(error !== undefined && { error }) };
        const { runId, sequence } = await engine.tools.submit(key, submitted);
        return { runId, sequence: BigInt(sequence) };
      }),
  };
}

function definitionOf({ tool, executor }: RegisteredTool, index: number): ToolDefinition {
  if (!tool) throw missing(index, "tool");
  if (!executor?.kind.case) throw missing(index, "executor");
  return { tool: toolFromMessage(tool), executor: settingsOf(executor) };
}

function missing(index: number, field: string): EngineError {
  const problem = { path: `/tools/${index}/${field}`, message: "is required", rule: "required" };
  const message = `a tool cannot be registered: ${problem.path} ${problem.message}`;
  return new EngineError("INVALID_TOOL", message, { tool_name: "" }, [problem]);
}

function settingsOf({ kind }: ToolExecutor): ToolSettings {
  switch (kind.case) {
    case "http":
      return httpSettings(kind.value);
    case "client":
      return { kind: "client", ...timeoutOf(kind.value.timeout) };
    default:
      return { kind: "function" };
  }
}

function httpSettings({ url, method, headers, timeout }: HttpToolExecutor): ToolSettings {
  return {
    kind: "http",
    url,
    ...(method !== "" && { method }),
    ...(Object.keys(headers).length > 0 && { headers: { ...headers } }),
    ...timeoutOf(timeout),
  };
}

function timeoutOf(timeout: Duration | undefined): { readonly timeoutMs?: number } {
  const timeoutMs = msOf(timeout);
  return timeoutMs === undefined ? {} : { timeoutMs };
}

/** Whole milliseconds, and never none. */
function msOf(duration: Duration | undefined): number | undefined {
  return duration && Math.max(1, Math.round(Number(duration.seconds) * 1000 + duration.nanos / 1e6));
}

function registeredTool({ tool, executor, sessionId, createTime, updateTime }: ToolInfo): RegisteredTool {
  return create(RegisteredToolSchema, {
    tool: toolToMessage(tool),
    createTime: timestampFromMs(createTime),
    updateTime: timestampFromMs(updateTime),
    sessionId,
    executor: executorMessage(executor),
  });
}

function executorMessage(settings: ToolSettings): ToolExecutor {
  const { kind, timeoutMs } = settings;
  const timeout = timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) };
  if (kind === "client") return create(ToolExecutorSchema, { kind: { case: "client", value: timeout } });
  if (kind !== "http") return create(ToolExecutorSchema, { kind: { case: "function", value: {} } });
  const { url, method, headers } = settings as ToolSettings &
    Partial<Pick<HttpToolExecutor, "url" | "method">>;
  const names = Object.keys((headers as JsonObject | undefined) ?? {});
  // What they are for is seen by their names; their values are nobody's business.
  const shown = {
    url: url ?? "",
    method: method ?? "",
    headers: Object.fromEntries(names.map((name) => [name, ""])),
  };
  return create(ToolExecutorSchema, { kind: { case: "http", value: { ...shown, ...timeout } } });
}
