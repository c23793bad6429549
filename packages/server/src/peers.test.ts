import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  GetServiceInfoRequestSchema,
  GetServiceInfoResponseSchema,
  RunAgentRequestSchema,
  type RunAgentResponse,
  RunAgentResponseSchema,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "@dragoman/contract/grpc/health/v1/health_pb";
import { ServerReflection } from "@dragoman/contract/grpc/reflection/v1/reflection_pb";
import { ServerReflection as ServerReflectionAlpha } from "@dragoman/contract/grpc/reflection/v1alpha/reflection_pb";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

const { entry, seen } = testService();
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer({ services: [entry] });
  ({ url } = await server.listen());
});
afterAll(() => server.close());

describe("grpc-js", () => {
  const bytes = (message: Uint8Array) => Buffer.from(message);
  const definition: grpc.ServiceDefinition = {
    getServiceInfo: {
      path: "/agent.v1.AGUIService/GetServiceInfo",
      requestStream: false,
      responseStream: false,
      requestSerialize: (value) =>
        bytes(toBinary(GetServiceInfoRequestSchema, create(GetServiceInfoRequestSchema, value))),
      requestDeserialize: (data) => data,
      responseSerialize: (data) => data,
      responseDeserialize: (data) => fromBinary(GetServiceInfoResponseSchema, data),
    },
    runAgent: {
      path: "/agent.v1.AGUIService/RunAgent",
      requestStream: false,
      responseStream: true,
      requestSerialize: (value) =>
        bytes(toBinary(RunAgentRequestSchema, create(RunAgentRequestSchema, value))),
      requestDeserialize: (data) => data,
      responseSerialize: (data) => data,
      responseDeserialize: (data) => fromBinary(RunAgentResponseSchema, data),
    },
  };
  let client: grpc.Client;
  beforeAll(() => {
    const Client = grpc.makeGenericClientConstructor(definition, "AGUIService");
    client = new Client(url.replace("http://", ""), grpc.credentials.createInsecure());
  });
  afterAll(() => client.close());

  function run(runId: string, options: grpc.CallOptions = {}) {
    const { path, requestSerialize, responseDeserialize } = definition.runAgent!;
    const input = { threadId: "t", runId };
    return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { input }, options);
  }

  function collect(call: grpc.ClientReadableStream<RunAgentResponse>) {
    return new Promise<{ items: RunAgentResponse[]; status: grpc.StatusObject }>((resolve) => {
      const items: RunAgentResponse[] = [];
      call.on("data", (item) => items.push(item));
      call.on("error", () => {});
      call.on("status", (status) => resolve({ items, status }));
    });
  }

  test("unary", async () => {
    const { path, requestSerialize, responseDeserialize } = definition.getServiceInfo!;
    const call = (request: object) =>
      new Promise<{ name: string }>((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, value) =>
          error ? reject(error) : resolve(value as { name: string }),
        );
      });
    expect((await call({ agentId: "js" })).name).toBe("hello js");
    const error = (await call({ agentId: "x".repeat(300) }).catch(
      (reason: unknown) => reason,
    )) as grpc.ServiceError;
    expect(error.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(error.metadata.get("grpc-status-details-bin")).toHaveLength(1);
  });

  test("server stream, with metadata and trailers", async () => {
    const { items, status } = await collect(run("ok"));
    expect(items.map(({ sequence, logId }) => [sequence, logId])).toEqual([
      [1n, "log-1"],
      [2n, ""],
      [3n, ""],
    ]);
    expect(status.code).toBe(grpc.status.OK);
    expect(status.metadata.get("x-run")).toEqual(["ok"]);
  });

  test("errors before and after messages", async () => {
    const refused = await collect(run("refused"));
    expect([refused.items.length, refused.status.code]).toEqual([0, grpc.status.NOT_FOUND]);
    const broken = await collect(run("broken"));
    expect([broken.items.length, broken.status.code]).toEqual([3, grpc.status.DATA_LOSS]);
  });

  test("deadline and cancel", async () => {
    const late = await collect(run("silent", { deadline: Date.now() + 100 }));
    expect(late.status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    const before = seen.ended.length;
    const call = run("open");
    const collected = collect(call);
    call.once("data", () => call.cancel());
    expect((await collected).status.code).toBe(grpc.status.CANCELLED);
    await expect.poll(() => seen.ended.length).toBe(before + 1);
  });

  test("an unknown method", async () => {
    const call = client.makeServerStreamRequest(
      "/agent.v1.AGUIService/Nope",
      bytes,
      (data) => data,
      Buffer.alloc(0),
    );
    expect((await collect(call as never)).status.code).toBe(grpc.status.UNIMPLEMENTED);
  });
});

describe("buf curl", () => {
  const buf = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));
  const curl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(buf, ["curl", "--http2-prior-knowledge", ...args], {
      timeout: 20_000,
    });
    return stdout;
  };
  const run = JSON.stringify({ input: { threadId: "t", runId: "ok" } });

  test.each(["grpc", "grpcweb", "connect"])("%s, by reflection", async (protocol) => {
    const unary = await curl(
      "--protocol",
      protocol,
      "-d",
      '{"agentId":"buf"}',
      `${url}/agent.v1.AGUIService/GetServiceInfo`,
    );
    expect(JSON.parse(unary).name).toBe("hello buf");
    const stream = await curl("--protocol", protocol, "-d", run, `${url}/agent.v1.AGUIService/RunAgent`);
    expect(stream.match(/"sequence"/g)).toHaveLength(3);
    expect(stream).toContain("delta 3");
  });

  test("both versions of reflection", async () => {
    for (const version of ["grpc-v1", "grpc-v1alpha"]) {
      const listed = await curl("--reflect-protocol", version, "--list-methods", url);
      expect(listed).toContain("agent.v1.AGUIService/RunAgent");
      expect(listed).toContain("grpc.health.v1.Health/Check");
    }
  });

  test("errors with their details", async () => {
    const body = JSON.stringify({ input: { threadId: "t", runId: "refused" } });
    const error = await curl("-d", body, `${url}/agent.v1.AGUIService/RunAgent`).catch(
      (reason: { stderr: string }) => reason.stderr,
    );
    expect(error).toContain("not_found");
    expect(error).toContain("AGENT_NOT_FOUND");
  });
});

describe("curl", () => {
  const curl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)("curl", ["-sS", "-i", "--max-time", "10", ...args]);
    const [head = "", body = ""] = stdout.split("\r\n\r\n");
    return { status: Number(head.split(" ")[1]), body };
  };

  test.each([["--http1.1"], ["--http2-prior-knowledge"], ["--http2"]])("%s", async (version) => {
    const path = `${url}/agent.v1.AGUIService/GetServiceInfo`;
    const posted = await curl(version, "-H", "content-type: application/json", "-d", '{"agentId":"c"}', path);
    expect([posted.status, JSON.parse(posted.body).name]).toEqual([200, "hello c"]);
    const message = encodeURIComponent('{"agentId":"g"}');
    const got = await curl(version, `${path}?connect=v1&encoding=json&message=${message}`);
    expect([got.status, JSON.parse(got.body).name]).toEqual([200, "hello g"]);
    const form = await curl(version, "-d", "{}", path);
    expect([form.status, JSON.parse(form.body).code]).toEqual([415, "invalid_argument"]);
    expect(await curl(version, `${url}/healthz`)).toEqual({ status: 200, body: '{"status":"ok"}\n' });
    expect(await curl(version, "-I", `${url}/readyz`)).toMatchObject({ status: 200, body: "" });
    expect((await curl(version, `${url}/nothing`)).status).toBe(404);
  });
});

describe("health", () => {
  const client = () => createClient(Health, createGrpcTransport({ baseUrl: url }));

  test("of the server and of each service", async () => {
    expect((await client().check({})).status).toBe(Status.SERVING);
    expect((await client().check({ service: "agent.v1.AGUIService" })).status).toBe(Status.SERVING);
    await expect(client().check({ service: "nope" })).rejects.toThrow("not_found");
    const { statuses } = await client().list({});
    expect(Object.keys(statuses).sort()).toEqual(["", "agent.v1.AGUIService"]);
  });

  test("can be watched", async () => {
    const seenStatuses: Status[] = [];
    const controller = new AbortController();
    const watching = (async () => {
      for await (const { status } of client().watch({}, { signal: controller.signal })) {
        seenStatuses.push(status);
      }
    })().catch(() => {});
    await expect.poll(() => seenStatuses).toEqual([Status.SERVING]);
    server.health.setServing(false);
    await expect.poll(() => seenStatuses).toEqual([Status.SERVING, Status.NOT_SERVING]);
    server.health.setServing(true);
    await expect.poll(() => seenStatuses).toHaveLength(3);
    controller.abort();
    await watching;
    const unknown = client().watch({ service: "nope" })[Symbol.asyncIterator]();
    expect((await unknown.next()).value).toMatchObject({ status: Status.SERVICE_UNKNOWN });
  });
});

describe.each([
  ["v1", ServerReflection],
  ["v1alpha", ServerReflectionAlpha as unknown as typeof ServerReflection],
])("reflection %s", (_version, service) => {
  type Question = Parameters<
    ReturnType<typeof createClient<typeof ServerReflection>>["serverReflectionInfo"]
  >[0];

  async function ask(...questions: object[]) {
    const client = createClient(service, createGrpcTransport({ baseUrl: url }));
    const answers: { case: string | undefined; value?: unknown }[] = [];
    async function* requests() {
      for (const messageRequest of questions) {
        yield { messageRequest };
      }
    }
    for await (const { messageResponse } of client.serverReflectionInfo(requests() as Question)) {
      answers.push(messageResponse);
    }
    return answers;
  }

  const names = (answer: { value?: unknown } | undefined) =>
    (answer!.value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto.map(
      (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
    );

  test.each([
    "agent.v1.AGUIService",
    "agent.v1.AGUIService.RunAgent",
    ".agent.v1.RunAgentRequest",
    "agent.v1.RunAgentRequest.input",
    "agent.v1.HealthCheckResponse.Status",
    "agent.v1.HealthCheckResponse.STATUS_SERVING",
    "agent.v1.RunAgentResponse.item",
  ])("finds the file of %s", async (value) => {
    expect(names((await ask({ case: "fileContainingSymbol", value }))[0])[0]).toBe(
      "agent/v1/agui_service.proto",
    );
  });

  test("sends dependencies once per stream", async () => {
    const [first, second] = await ask(
      { case: "fileByFilename", value: "agent/v1/agui_service.proto" },
      { case: "fileByFilename", value: "agent/v1/agui_service.proto" },
    );
    expect(names(first)).toContain("agui/v1/event.proto");
    expect(names(second)).toEqual(["agent/v1/agui_service.proto"]);
  });

  test("says what it does not know", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "nope.Nope" },
      { case: "fileByFilename", value: "nope.proto" },
      { case: "allExtensionNumbersOfType", value: "nope.Nope" },
      { case: "fileContainingExtension", value: { containingType: "nope.Nope", extensionNumber: 1 } },
      { case: undefined },
    );
    expect(answers.map(({ value }) => (value as { errorCode: number }).errorCode)).toEqual([5, 5, 5, 5, 3]);
  });

  test("knows extensions", async () => {
    const [numbers, file] = await ask(
      { case: "allExtensionNumbersOfType", value: "google.protobuf.FieldOptions" },
      {
        case: "fileContainingExtension",
        value: { containingType: "google.protobuf.FieldOptions", extensionNumber: 1159 },
      },
    );
    expect((numbers!.value as { extensionNumber: number[] }).extensionNumber).toContain(1159);
    expect(names(file)[0]).toBe("buf/validate/validate.proto");
  });
});
