import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { inputToMessage } from "@dragoman/agui";
import type {
  History,
  IfActive,
  OnDisconnect,
  OnOpenInterrupts,
} from "@dragoman/contract/agent/v1/run_options_pb";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import type { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import type { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import type { SessionOptionsSchema } from "@dragoman/contract/orchestrator/v1/session_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let all: Services;

beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

describe("requests that break the rules of their schema", () => {
  const long = "x".repeat(257);
  const input = inputToMessage({ threadId: "t", runId: "r", messages: [] });
  const sessionId = "t";
  const withOptions = (options: MessageInitShape<typeof SessionOptionsSchema>) =>
    all.sessions.createSession({ options });
  const bad: readonly (readonly [string, string, () => Promise<unknown> | AsyncIterable<unknown>])[] = [
    ["RunAgent", "input", () => all.agui.runAgent({})],
    ["RunAgent", "agent_id", () => all.agui.runAgent({ input, agentId: long })],
    ["RunAgent", "after_sequence", () => all.agui.runAgent({ input, afterSequence: -1n })],
    ["RunAgent", "log_id", () => all.agui.runAgent({ input, logId: "x".repeat(65) })],
    ["RunAgent", "if_active", () => all.agui.runAgent({ input, ifActive: 9 as IfActive })],
    ["RunAgent", "on_disconnect", () => all.agui.runAgent({ input, onDisconnect: 9 as OnDisconnect })],
    [
      "RunAgent",
      "on_disconnect_grace",
      () => all.agui.runAgent({ input, onDisconnectGrace: { seconds: 3601n } }),
    ],
    ["RunAgent", "history", () => all.agui.runAgent({ input, history: 9 as History })],
    ["RunAgent", "base_sequence", () => all.agui.runAgent({ input, baseSequence: -1n })],
    ["RunAgent", "if_state_revision", () => all.agui.runAgent({ input, ifStateRevision: -1n })],
    [
      "RunAgent",
      "on_open_interrupts",
      () => all.agui.runAgent({ input, onOpenInterrupts: 9 as OnOpenInterrupts }),
    ],
    ["GetServiceInfo", "agent_id", () => all.agui.getServiceInfo({ agentId: long })],
    ["ValidateInput", "agent_id", () => all.agui.validateInput({ input, agentId: long })],
    ["ObserveRun", "session_id", () => all.runs.observeRun({})],
    ["ObserveRun", "run_id", () => all.runs.observeRun({ sessionId, runId: long })],
    ["ObserveRun", "mode", () => all.runs.observeRun({ sessionId, mode: 9 as AttachMode })],
    ["ObserveRun", "after_sequence", () => all.runs.observeRun({ sessionId, afterSequence: -1n })],
    ["GetRun", "session_id", () => all.runs.getRun({ runId: "r" })],
    ["GetRun", "run_id", () => all.runs.getRun({ sessionId })],
    ["ListRuns", "page_size", () => all.runs.listRuns({ pageSize: -1 })],
    ["ListRuns", "page_token", () => all.runs.listRuns({ pageToken: "x".repeat(1025) })],
    ["ListRuns", "state", () => all.runs.listRuns({ state: 99 as RunState })],
    ["CancelRun", "session_id", () => all.runs.cancelRun({})],
    ["CreateSession", "session_id", () => all.sessions.createSession({ sessionId: long })],
    [
      "CreateSession",
      "tools",
      () => all.sessions.createSession({ tools: Array(257).fill({ name: "n", description: "d" }) }),
    ],
    ["CreateSession", "options.expire_after", () => withOptions({ expireAfter: { seconds: 0n } })],
    ["CreateSession", "options.idle_timeout", () => withOptions({ idleTimeout: { seconds: -1n } })],
    ["CreateSession", "options.retention", () => withOptions({ retention: { seconds: 315_360_001n } })],
    ["CreateSession", "options.message_count_max", () => withOptions({ messageCountMax: -1 })],
    ["GetSession", "session_id", () => all.sessions.getSession({})],
    ["ListSessions", "page_size", () => all.sessions.listSessions({ pageSize: -1 })],
    ["EndSession", "session_id", () => all.sessions.endSession({})],
    ["ObserveSession", "session_id", () => all.sessions.observeSession({ sessionId: "é".repeat(129) })],
    ["ListMessages", "session_id", () => all.sessions.listMessages({})],
  ];

  test.each(bad)("%s: %s", async (_, field, call) => {
    expect(await refusedCall(call())).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
      message: expect.stringContaining(field),
    });
  });

  test("every violation is listed", async () => {
    const error = await all.runs
      .listRuns({ pageSize: -1, sessionId: long, agentId: long })
      .catch((reason) => ConnectError.from(reason));
    const details = error instanceof ConnectError ? error.findDetails(BadRequestSchema) : [];
    const fields = details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
    expect(fields.toSorted()).toEqual(["agent_id", "page_size", "session_id"]);
  });
});
