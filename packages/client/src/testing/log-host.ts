import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer, type ServerHttp2Session } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { type Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type AguiEvent, eventToMessage } from "@dragoman/agui";
import { AGUIService, RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { ErrorInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";

type Item = { event: AguiEvent; sequence?: number } | { heartbeat: number } | { caughtUp: number };

/** One call that a host got. */
export interface HostCall {
  readonly method: "runAgent" | "observeRun" | "observeSession" | "cancelRun";
  readonly afterSequence: number | undefined;
  readonly logId: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly mode: AttachMode;
  readonly header: Headers;
  readonly signal: AbortSignal;
}

/** A log that is served by stock Connect handlers, for the client to be tried against. */
export interface LogHost extends AsyncDisposable {
  readonly h1Url: string;
  readonly h2Url: string;
  readonly h1Port: number;
  readonly h2Port: number;
  /** The log: the event at index n has sequence n + 1. */
  readonly log: AguiEvent[];
  /** Empty makes it a bare host. */
  logId: string;
  readonly calls: HostCall[];
  /** What the streams do after the log; may throw, wait, or yield more. Default: nothing. */
  tail: ((call: HostCall, sent: number) => AsyncIterable<Item>) | undefined;
  /** What comes before the log. May throw to refuse the call. */
  head: ((call: HostCall) => AsyncIterable<Item>) | undefined;
  /** Called before each event of the log. */
  beforeEvent: ((call: HostCall, sequence: number) => Promise<void> | void) | undefined;
}

/** An error of the contract. */
export function contractError(code: Code, reason: string, message: string): ConnectError {
  return new ConnectError(message, code, { "x-trace": "t-1" }, [
    { desc: ErrorInfoSchema, value: { reason, domain: "dragoman", metadata: { hint: "ü" } } },
  ]);
}

/** Certificates of a host; with `requestCert` it takes only clients that have one of its authority. */
export type HostTls = { cert: string; key: string; ca?: string; requestCert?: boolean };

/** Starts a host on two ports: one for HTTP/1.1, one for HTTP/2. */
export async function startLogHost(log: AguiEvent[] = [], tls?: HostTls): Promise<LogHost> {
  const state: Omit<LogHost, "h1Url" | "h2Url" | "h1Port" | "h2Port" | typeof Symbol.asyncDispose> = {
    log,
    logId: "log-1",
    calls: [],
    tail: undefined,
    head: undefined,
    beforeEvent: undefined,
  };
  const handler = connectNodeAdapter({ routes: (router) => serveLog(router, state as LogHost) });
  const h1 = tls === undefined ? createHttpServer(handler) : createHttpsServer(tls, handler);
  const h2 = tls === undefined ? createHttp2Server(handler) : createSecureServer(tls, handler);
  const scheme = tls === undefined ? "http" : "https";
  const ports = await Promise.all(
    [h1, h2].map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
        ),
    ),
  );
  const [h1Port = 0, h2Port = 0] = ports;
  const sessions = new Set<{ destroy(): void }>();
  h2.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  return Object.assign(state, {
    h1Port,
    h2Port,
    h1Url: `${scheme}://127.0.0.1:${h1Port}`,
    h2Url: `${scheme}://127.0.0.1:${h2Port}`,
    async [Symbol.asyncDispose]() {
      h1.closeAllConnections();
      for (const session of sessions) session.destroy();
      await Promise.all([h1, h2].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  });
}

function serveLog(router: ConnectRouter, host: LogHost): void {
  router.service(AGUIService, {
    runAgent: (request, context) =>
      stream(
        host,
        note(host, "runAgent", context, {
          afterSequence: request.afterSequence,
          logId: request.logId,
          sessionId: request.input?.threadId ?? "",
          runId: request.input?.runId ?? "",
        }),
      ),
  });
  router.service(RunService, {
    observeRun: (request, context) => stream(host, note(host, "observeRun", context, request)),
    cancelRun(request, context) {
      note(host, "cancelRun", context, request);
      return {};
    },
  });
  router.service(SessionService, {
    observeSession: (request, context) => stream(host, note(host, "observeSession", context, request)),
  });
}

function note(
  host: LogHost,
  method: HostCall["method"],
  context: HandlerContext,
  request: {
    afterSequence?: bigint | undefined;
    logId?: string;
    sessionId: string;
    runId?: string;
    mode?: AttachMode;
  },
): HostCall {
  const call: HostCall = {
    method,
    afterSequence: request.afterSequence === undefined ? undefined : Number(request.afterSequence),
    logId: request.logId ?? "",
    sessionId: request.sessionId,
    runId: request.runId ?? "",
    mode: request.mode ?? AttachMode.UNSPECIFIED,
    header: context.requestHeader,
    signal: context.signal,
  };
  host.calls.push(call);
  return call;
}

async function* stream(host: LogHost, call: HostCall) {
  let isFirst = true;
  const message = (item: Item) => {
    const response = create(RunAgentResponseSchema, isFirst ? { logId: host.logId } : {});
    isFirst = false;
    if ("heartbeat" in item) {
      response.item = {
        case: "heartbeat",
        value: { $typeName: "agent.v1.Heartbeat", headSequence: BigInt(item.heartbeat) },
      };
    } else if ("caughtUp" in item) {
      response.item = {
        case: "caughtUp",
        value: { $typeName: "agent.v1.CaughtUp", sequence: BigInt(item.caughtUp) },
      };
    } else {
      if (item.sequence !== undefined) response.sequence = BigInt(item.sequence);
      response.item = { case: "event", value: eventToMessage(item.event) };
    }
    const { $typeName, ...fields } = response;
    return fields;
  };
  if (host.head !== undefined) for await (const item of host.head(call)) yield message(item);
  let sent = call.afterSequence ?? 0;
  for (; sent < host.log.length; sent += 1) {
    await host.beforeEvent?.(call, sent + 1);
    yield message({ event: host.log[sent] as AguiEvent, sequence: sent + 1 });
  }
  if (host.tail !== undefined) for await (const item of host.tail(call, sent)) yield message(item);
}

/** A run of events of many kinds and sizes, with text outside of ASCII and a message larger than any chunk. */
export function variedRun(threadId: string, runId: string): AguiEvent[] {
  const text = (delta: string): AguiEvent => ({ type: "TEXT_MESSAGE_CONTENT", messageId: "m-1", delta });
  return [
    { type: "RUN_STARTED", threadId, runId },
    {
      type: "STATE_SNAPSHOT",
      snapshot: { items: Array.from({ length: 3000 }, (_, n) => ({ n, label: `item ${n}` })) },
    },
    { type: "STEP_STARTED", stepName: "write" },
    { type: "TEXT_MESSAGE_START", messageId: "m-1", role: "assistant" },
    ...["Hello", ", ", "wörld", " 世界", " 👋", "", "\n\n", "x".repeat(200)].map(text),
    {
      type: "TEXT_MESSAGE_CONTENT",
      messageId: "m-1",
      delta: "late",
      timestamp: 1_760_000_000_000,
      metadata: { a: 1 },
    },
    { type: "TEXT_MESSAGE_END", messageId: "m-1" },
    { type: "TOOL_CALL_START", toolCallId: "c-1", toolCallName: "search", parentMessageId: "m-1" },
    { type: "TOOL_CALL_ARGS", toolCallId: "c-1", delta: '{"q":"' },
    { type: "TOOL_CALL_ARGS", toolCallId: "c-1", delta: 'x"}' },
    { type: "TOOL_CALL_END", toolCallId: "c-1" },
    { type: "TOOL_CALL_RESULT", messageId: "t-1", toolCallId: "c-1", content: "found", role: "tool" },
    { type: "STATE_DELTA", delta: [{ op: "replace", path: "/items/0/label", value: null }] },
    { type: "CUSTOM", name: "note", value: { deep: [1, "two", { three: false }] } },
    { type: "STEP_FINISHED", stepName: "write" },
    { type: "RUN_FINISHED", threadId, runId, outcome: { type: "success" } },
  ];
}
