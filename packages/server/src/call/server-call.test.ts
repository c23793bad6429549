import {
  Code,
  ConnectError,
  createClient,
  createContextKey,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { EventBatch, FrameEncoder } from "@dragoman/agui";
import { AGUIService, RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import { errorReasonOf, readyBatches, readyItem } from "@dragoman/rpc";
import { afterEach, describe, expect, test } from "vitest";
import {
  createInProcessTransport,
  createServer,
  implement,
  type Server,
  type ServerOptions,
} from "../index.ts";
import { item, testService } from "../testing/test-service.ts";

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: Partial<ServerOptions> & Pick<ServerOptions, "services">) {
  const errors: unknown[] = [];
  const log = { error: (_message: string, cause?: unknown) => errors.push(cause), warn: () => {} };
  const server = createServer({ log, ...options });
  servers.push(server);
  const { url: baseUrl } = await server.listen();
  const transports: Record<string, Transport> = {
    grpc: createGrpcTransport({ baseUrl }),
    "grpc-web": createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    connect: createConnectTransport({ baseUrl, httpVersion: "2" }),
    "in process": createInProcessTransport(server),
  };
  return { server, baseUrl, errors, transports };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of items) {
    all.push(one);
  }
  return all;
}

const failure = async (items: AsyncIterable<unknown>) =>
  ConnectError.from(
    await collect(items).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
const input = { threadId: "t", runId: "ok" };

describe("interceptors of streams", () => {
  test("run once per call, and can change what handlers and clients see", async () => {
    const key = createContextKey("nobody");
    const calls: string[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      calls.push(`${request.method.name} ${request.header.get("x-token")} ${new URL(request.url).pathname}`);
      request.contextValues.set(key, "somebody");
      const header = new Headers(request.header);
      header.set("x-added", "1");
      const response = await next({ ...request, header });
      response.header.set("x-response", "2");
      if (!response.stream) {
        return response;
      }
      return { ...response, trailer: new Headers({ "x-trailer": "3" }) };
    };
    const { transports } = await serve({
      interceptors: [interceptor],
      services: [
        implement(AGUIService, {
          async *runAgent(_request, context) {
            calls.push(`handler ${context.requestHeader.get("x-added")} ${context.values.get(key)}`);
            context.responseTrailer.set("x-own", "4");
            yield item(1);
          },
        }),
      ],
    });
    for (const [name, transport] of Object.entries(transports)) {
      calls.length = 0;
      let header: Headers | undefined;
      let trailer: Headers | undefined;
      const options = {
        headers: { "x-token": "t" },
        onHeader: (given: Headers) => {
          header = given;
        },
        onTrailer: (given: Headers) => {
          trailer = given;
        },
      };
      expect([
        name,
        await collect(createClient(AGUIService, transport).runAgent({ input }, options)),
      ]).toEqual([name, [expect.objectContaining({ sequence: 1n })]]);
      expect(calls).toEqual(["RunAgent t /agent.v1.AGUIService/RunAgent", "handler 1 somebody"]);
      expect(header?.get("x-response")).toBe("2");
      expect([trailer?.get("x-trailer"), trailer?.get("x-own")]).toEqual(["3", null]);
    }
  });

  test("come before the check of the request, so that strangers learn nothing", async () => {
    const refuse: Interceptor = () => async () => {
      throw new ConnectError("who are you?", Code.Unauthenticated);
    };
    const { transports } = await serve({ interceptors: [refuse], services: [testService().entry] });
    for (const transport of Object.values(transports)) {
      expect((await failure(createClient(AGUIService, transport).runAgent({}))).code).toBe(
        Code.Unauthenticated,
      );
    }
  });

  test("may wrap the messages; ready batches pass as single elements", async () => {
    let elements = 0;
    const count: Interceptor = (next) => async (request) => {
      const response = await next(request);
      if (!response.stream) {
        return response;
      }
      const { message } = response;
      async function* counted() {
        for await (const one of message) {
          elements++;
          yield one;
        }
      }
      return { ...response, message: counted() };
    };
    const { transports } = await serve({ interceptors: [count], services: [testService().entry] });
    const run = createClient(AGUIService, transports.grpc!).runAgent({
      input: { ...input, context: [{ value: "10" }] },
    });
    expect(await collect(run)).toHaveLength(10);
    expect(elements).toBe(5);
  });

  test("what they throw that is no error of the contract is hidden and logged", async () => {
    const broken: Interceptor = () => () => {
      throw new TypeError("secret");
    };
    const { transports, errors } = await serve({ interceptors: [broken], services: [testService().entry] });
    const error = await failure(createClient(AGUIService, transports.grpc!).runAgent({ input }));
    expect([error.code, errorReasonOf(error)]).toEqual([Code.Internal, "INTERNAL"]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
});

describe("what handlers yield", () => {
  test("may be partial messages, and none at all", async () => {
    const { transports } = await serve({
      services: [
        implement(AGUIService, {
          async *runAgent(request) {
            if (request.agentId === "") {
              yield { sequence: 1n };
            }
          },
        }),
      ],
    });
    for (const transport of Object.values(transports)) {
      const client = createClient(AGUIService, transport);
      expect(await collect(client.runAgent({ input }))).toMatchObject([{ sequence: 1n, logId: "" }]);
      expect(await collect(client.runAgent({ input, agentId: "x" }))).toEqual([]);
    }
  });

  test("that cannot be encoded is an internal error after what came before", async () => {
    const { transports, errors } = await serve({
      services: [
        implement(AGUIService, {
          async *runAgent() {
            yield { sequence: 1n };
            yield { sequence: "no number" as never };
          },
        }),
      ],
    });
    for (const transport of Object.values(transports)) {
      const error = await failure(createClient(AGUIService, transport).runAgent({ input }));
      expect(error.code).toBe(Code.Internal);
    }
    expect(errors).toHaveLength(Object.keys(transports).length);
  });

  test("an event without binary form ends the stream after those before it", async () => {
    const frames = new FrameEncoder();
    frames.append(1, { type: "STEP_STARTED", stepName: "a" });
    frames.appendJson(2, '{"type":"NEW"}');
    frames.append(3, { type: "STEP_FINISHED", stepName: "a" });
    const batch = new EventBatch("log", frames.take());
    const { transports } = await serve({
      services: [
        implement(AGUIService, {
          async *runAgent(_request, context) {
            expect(context.values.get(readyBatches)).toBe(true);
            yield readyItem(RunAgentResponseSchema, batch, { logId: "log" });
            yield item(4);
          },
        }),
      ],
    });
    for (const transport of Object.values(transports)) {
      const got: bigint[] = [];
      const call = async function* () {
        for await (const { sequence } of createClient(AGUIService, transport).runAgent({ input })) {
          got.push(sequence ?? 0n);
          yield sequence;
        }
      };
      const error = await failure(call());
      expect([got, error.code, errorReasonOf(error)]).toEqual([
        [1n],
        Code.FailedPrecondition,
        "EVENT_ONLY_JSON",
      ]);
    }
  });

  test("stops when the client goes, also where the handler does not listen", async () => {
    let finished = 0;
    const { transports } = await serve({
      services: [
        implement(AGUIService, {
          async *runAgent() {
            try {
              for (let sequence = 1; ; sequence++) {
                yield item(sequence);
                await new Promise((resolve) => setTimeout(resolve, 5));
              }
            } finally {
              finished++;
            }
          },
        }),
      ],
    });
    for (const transport of Object.values(transports)) {
      const before = finished;
      const controller = new AbortController();
      const call = createClient(AGUIService, transport).runAgent({ input }, { signal: controller.signal });
      for await (const _ of call) {
        break;
      }
      controller.abort();
      await expect.poll(() => finished).toBe(before + 1);
    }
  });
});

describe("bidirectional streams", () => {
  const echo = implement(LiveService, {
    async *liveSession(requests) {
      let sequence = 0n;
      for await (const request of requests) {
        sequence++;
        yield { sequence, logId: request.input.case ?? "" };
      }
    },
  });

  test("flow both ways at the same time over HTTP/2 and in process", async () => {
    const { transports } = await serve({ services: [echo], validate: false });
    for (const name of ["grpc", "connect", "in process"]) {
      let release: (() => void) | undefined;
      const answered = new Promise<void>((resolve) => {
        release = resolve;
      });
      async function* requests() {
        yield { input: { case: "start" as const, value: {} } };
        await answered;
        yield {};
      }
      const got: (bigint | undefined)[] = [];
      for await (const { sequence } of createClient(LiveService, transports[name]!).liveSession(requests())) {
        got.push(sequence);
        release?.();
      }
      expect([name, got]).toEqual([name, [1n, 2n]]);
    }
  });

  test("are refused over HTTP/1.1", async () => {
    const { baseUrl } = await serve({ services: [echo] });
    const response = await fetch(`${baseUrl}/agent.v1.LiveService/LiveSession`, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: new Uint8Array(5),
    });
    expect([response.status, (await response.json()).message]).toEqual([
      505,
      "Bidirectional streams need HTTP/2.",
    ]);
  });

  test("end when the handler has seen enough, whatever the client still sends", async () => {
    const once = implement(LiveService, {
      async *liveSession() {
        yield { sequence: 1n };
      },
    });
    const { transports } = await serve({ services: [once] });
    async function* requests() {
      for (let count = 0; count < 100; count++) {
        yield {};
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    expect(await collect(createClient(LiveService, transports.grpc!).liveSession(requests()))).toHaveLength(
      1,
    );
  });

  test("check each request", async () => {
    const { transports } = await serve({ services: [echo] });
    async function* requests() {
      yield { input: { case: "start" as const, value: {} } };
    }
    const error = await failure(createClient(LiveService, transports.grpc!).liveSession(requests()));
    expect([error.code, errorReasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
  });
});

test("requests may be compressed; events are not, unary answers are", async () => {
  const { baseUrl } = await serve({
    services: [
      implement(AGUIService, {
        getServiceInfo: ({ agentId }) => ({ name: agentId.repeat(100) }),
        async *runAgent({ input: given }) {
          yield { sequence: BigInt(given?.runId.length ?? 0) };
        },
      }),
    ],
  });
  for (const sendCompression of [compressionGzip, compressionBrotli]) {
    const options = { baseUrl, sendCompression, compressMinBytes: 0, acceptCompression: [sendCompression] };
    for (const transport of [
      createGrpcTransport(options),
      createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
      createConnectTransport({ ...options, httpVersion: "1.1" }),
    ]) {
      const client = createClient(AGUIService, transport);
      const headers: (string | null)[] = [];
      const onHeader = (header: Headers) => {
        headers.push(
          header.get("content-encoding") ??
            header.get("grpc-encoding") ??
            header.get("connect-content-encoding"),
        );
      };
      expect((await client.getServiceInfo({ agentId: "x".repeat(200) }, { onHeader })).name).toHaveLength(
        20_000,
      );
      const run = client.runAgent({ input: { threadId: "t", runId: "y".repeat(200) } }, { onHeader });
      expect(await collect(run)).toMatchObject([{ sequence: 200n }]);
      expect(headers).toEqual([sendCompression.name, null]);
    }
  }
});

test("with plain HTTP only, RPC paths lead nowhere but the rest works", async () => {
  const { server, baseUrl, transports } = await serve({
    plainHttpOnly: true,
    services: [testService().entry],
  });
  for (const name of ["grpc", "grpc-web", "connect"]) {
    const client = createClient(AGUIService, transports[name]!);
    expect((await failure(client.runAgent({ input }))).code).toBe(Code.Unimplemented);
    await expect(client.getServiceInfo({})).rejects.toThrow("unimplemented");
  }
  expect((await fetch(`${baseUrl}/healthz`)).status).toBe(200);
  const inProcess = createClient(AGUIService, createInProcessTransport(server));
  expect(await collect(inProcess.runAgent({ input }))).toHaveLength(3);
});
