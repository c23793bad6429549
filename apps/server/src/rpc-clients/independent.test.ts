import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { ErrorInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { StatusSchema } from "@dragoman/contract/google/rpc/status_pb";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const user = (content: string) => [{ id: "u", role: "user", content }];

describe("grpc-js, with the protos of api/ and nothing of ours", () => {
  let load: (service: string) => grpc.Client;
  const open: grpc.Client[] = [];

  beforeAll(() => {
    const definition = loadSync(
      [
        "agent/v1/agui_service.proto",
        "orchestrator/v1/run_service.proto",
        "orchestrator/v1/session_service.proto",
      ],
      {
        includeDirs: ["api", "api/third_party", "packages/contract/third_party"].map((path) => root + path),
        longs: Number,
        enums: String,
        oneofs: true,
      },
    );
    load = (service) => {
      const Service = grpc.makeClientConstructor(definition[service] as grpc.ServiceDefinition, service);
      const client = new Service(new URL(server.url).host, grpc.credentials.createInsecure());
      open.push(client);
      return client;
    };
  });
  afterAll(() => {
    for (const client of open) client.close();
  });

  type Reply = Record<string, unknown>;
  type Method = (request: object, done: (error: grpc.ServiceError | null, reply: Reply) => void) => void;
  type StreamMethod = (request: object) => grpc.ClientReadableStream<Reply>;

  const call = (client: grpc.Client, method: string, request: object) =>
    new Promise<Reply>((resolve, reject) => {
      const run = Reflect.get(client, method) as Method;
      run.call(client, request, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  const stream = async (client: grpc.Client, method: string, request: object) => {
    const items: Reply[] = [];
    const run = Reflect.get(client, method) as StreamMethod;
    for await (const item of run.call(client, request)) items.push(item as Reply);
    return items;
  };
  const eventsIn = (items: Reply[]) => items.flatMap(({ event }) => (event ? [event as Reply] : []));

  test("runs an agent, observes the run, and lists it", async () => {
    const agui = load("agent.v1.AGUIService");
    const runs = load("orchestrator.v1.RunService");
    const input = { threadId: "grpc-js", runId: "r", messages: user("What is 6 * 7?") };
    const items = await stream(agui, "RunAgent", { agentId: "demo", input });
    const kinds = eventsIn(items).map(({ event }) => event);
    expect(kinds[0]).toBe("runStarted");
    expect(kinds.at(-1)).toBe("runFinished");
    const words = eventsIn(items).flatMap(({ textMessageContent }) =>
      textMessageContent ? [(textMessageContent as { delta: string }).delta] : [],
    );
    expect(words.join("")).toContain("42");
    expect(await stream(runs, "ObserveRun", { sessionId: "grpc-js", runId: "r" })).toEqual(items);
    const listed = await call(runs, "ListRuns", { sessionId: "grpc-js" });
    expect(listed.runs).toMatchObject([{ runId: "r", state: "RUN_STATE_SUCCEEDED" }]);
    const sessions = load("orchestrator.v1.SessionService");
    const { messages } = await call(sessions, "ListMessages", { sessionId: "grpc-js" });
    expect(messages).toMatchObject([{ id: "u", content: "What is 6 * 7?" }, { role: "assistant" }, {}, {}]);
  });

  test("reads the details of an error", async () => {
    const error = await call(load("orchestrator.v1.RunService"), "GetRun", {
      sessionId: "no",
      runId: "r",
    }).catch((reason: grpc.ServiceError) => reason);
    expect(error).toMatchObject({ code: grpc.status.NOT_FOUND });
    const trailer = (error as grpc.ServiceError).metadata.get("grpc-status-details-bin")[0];
    const status = fromBinary(StatusSchema, trailer as Buffer);
    expect(status).toMatchObject({ code: grpc.status.NOT_FOUND });
    expect(fromBinary(ErrorInfoSchema, status.details[0]?.value ?? new Uint8Array())).toMatchObject({
      reason: "SESSION_NOT_FOUND",
      domain: "dragoman",
      metadata: { session_id: "no" },
    });
  });

  test("cancels its call; the run goes on without it", async () => {
    const agui = load("agent.v1.AGUIService");
    const input = { threadId: "leaves", runId: "r", messages: user("count to 30 every 10 ms") };
    const method = Reflect.get(agui, "RunAgent") as StreamMethod;
    const reading = method.call(agui, { agentId: "demo", input });
    await new Promise((resolve) => reading.once("data", resolve));
    const failed = new Promise<grpc.ServiceError>((resolve) => reading.once("error", resolve));
    reading.cancel();
    expect(await failed).toMatchObject({ code: grpc.status.CANCELLED });
    const rest = await stream(load("orchestrator.v1.RunService"), "ObserveRun", { sessionId: "leaves" });
    expect(eventsIn(rest).at(-1)).toMatchObject({ event: "runFinished" });
  });
});

describe("buf curl, with reflection", () => {
  /** Runs `buf curl` and returns what it printed. */
  async function bufCurl(protocol: string, ...args: readonly string[]): Promise<string> {
    const h2 = protocol === "grpc" ? ["--http2-prior-knowledge"] : [];
    const child = spawn(`${root}node_modules/.bin/buf`, ["curl", "--protocol", protocol, ...h2, ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [out, problem] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return (await exit) === 0 ? out : `exit ${await exit}: ${problem}`;
  }

  test("lists what is served", async () => {
    const methods = (await bufCurl("grpc", server.url, "--list-methods")).trim().split("\n");
    expect(methods).toEqual(
      expect.arrayContaining([
        "agent.v1.AGUIService/RunAgent",
        "orchestrator.v1.RunService/ObserveRun",
        "orchestrator.v1.SessionService/ObserveSession",
        "grpc.health.v1.Health/Check",
      ]),
    );
  });

  test.each(["grpc", "grpcweb", "connect"])("runs an agent over %s", async (protocol) => {
    const input = { threadId: `buf ${protocol}`, runId: "r", messages: user("What is 6 * 7?") };
    const url = `${server.url}/agent.v1.AGUIService/RunAgent`;
    const out = await bufCurl(protocol, "-d", JSON.stringify({ agentId: "demo", input }), url);
    expect(out).toContain('"runStarted"');
    expect(out).toContain('"runFinished"');
    expect(out).not.toContain("exit");
  });

  test("shows what is wrong", async () => {
    const out = await bufCurl("grpc", "-d", "{}", `${server.url}/orchestrator.v1.RunService/GetRun`);
    expect(out).toMatch(/^exit [1-9]/);
    expect(out).toContain("invalid_argument");
    expect(out).toContain("session_id");
  });

  test("checks the health", async () => {
    const service = JSON.stringify({ service: "agent.v1.AGUIService" });
    expect(await bufCurl("grpc", "-d", service, `${server.url}/grpc.health.v1.Health/Check`)).toContain(
      "SERVING",
    );
  });
});
