import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type DescService,
} from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type Transport } from "@connectrpc/connect";
import { AgentService } from "@dragoman/contract/agent/v1/agent_service_pb";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import { AgentRegistryService } from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import { BatchService } from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import { ChatService } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { EventService } from "@dragoman/contract/orchestrator/v1/event_service_pb";
import { HumanInLoopService } from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { StateService } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { ToolService } from "@dragoman/contract/orchestrator/v1/tool_service_pb";
import { errorInfoOf } from "@dragoman/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires, wireNames } from "../testing/wires.ts";

const services: readonly DescService[] = [
  AGUIService,
  AgentService,
  LiveService,
  AgentRegistryService,
  BatchService,
  ChatService,
  EventService,
  HumanInLoopService,
  RunService,
  SessionService,
  StateService,
  ToolService,
];
const methods = services.flatMap((service) => service.methods);

let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "100" });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const takesStream = ({ methodKind }: DescMethod) =>
  methodKind === "bidi_streaming" || methodKind === "client_streaming";

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";

/** Sends one empty request, and waits for the answer, or for the first item of a stream. */
async function callEmpty(transport: Transport, method: DescMethod): Promise<void> {
  const leaving = new AbortController();
  const { signal } = leaving;
  const values = createContextValues();
  const message = create(method.input);
  if (isUnary(method)) {
    await transport.unary(method, signal, 10_000, undefined, message, values);
    return;
  }
  async function* input() {
    yield message;
  }
  const streaming = method as DescMethodStreaming;
  const response = await transport.stream(streaming, signal, 10_000, undefined, input(), values);
  for await (const _ of response.message) break;
  leaving.abort();
}

describe.each(wireNames)("over %s", (name) => {
  // Only HTTP/2 carries both directions at once, and gRPC-Web and browsers none but the answers.
  const isBidi = name === "gRPC" || name === "Connect, HTTP/2" || name === "Connect JSON, HTTP/2";
  const callable = methods.filter((method) => isBidi || !takesStream(method));

  test.each(callable.map((method) => [`${method.parent.typeName}.${method.name}`, method] as const))(
    "%s is served, and an empty request gets an answer or a reason",
    async (_, method) => {
      const error = await callEmpty(wires.transport(name), method).then(
        () => undefined,
        (reason: unknown) => ConnectError.from(reason),
      );
      if (error === undefined) return;
      expect(errorInfoOf(error)?.reason, error.message).toMatch(/^[A-Z][A-Z_]+$/);
      expect([Code.Unimplemented, Code.Internal, Code.Unknown, Code.DeadlineExceeded]).not.toContain(
        error.code,
      );
      expect(error.message).not.toMatch(/\bat .*\.ts:\d+|SQLITE|undefined|\[object/);
    },
  );
});

test("nothing of this was a bug of the server", () => {
  expect(server.errors).toEqual([]);
});
