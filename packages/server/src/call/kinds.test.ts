import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
  type Int32Value,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { afterEach, describe, expect, test } from "vitest";
import {
  createInProcessTransport,
  createServer,
  implement,
  type Server,
  type ServerOptions,
} from "../index.ts";

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(
  options: ServerOptions,
): Promise<{ baseUrl: string; transports: [string, Transport][] }> {
  const server = createServer(options);
  servers.push(server);
  const { url: baseUrl } = await server.listen();
  const transports: [string, Transport][] = [
    ["grpc", createGrpcTransport({ baseUrl })],
    ["grpc-web", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
    ["connect", createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["in process", createInProcessTransport(server)],
  ];
  return { baseUrl, transports };
}

describe("unary calls", () => {
  test("pass interceptors, headers and trailers both ways", async () => {
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next({ ...request, header: new Headers({ "x-seen": "by the interceptor" }) });
      response.trailer.set("x-trailer", "2");
      return response;
    };
    const { transports } = await serve({
      interceptors: [interceptor],
      services: [
        implement(AGUIService, {
          getServiceInfo(_request, context) {
            context.responseHeader.set("x-header", "1");
            return { name: context.requestHeader.get("x-seen") ?? "" };
          },
        }),
      ],
    });
    for (const [name, transport] of transports) {
      const got: Record<string, string | null> = {};
      const { name: seen } = await createClient(AGUIService, transport).getServiceInfo(
        {},
        {
          onHeader: (header) => {
            got.header = header.get("x-header");
          },
          onTrailer: (trailer) => {
            got.trailer = trailer.get("x-trailer");
          },
        },
      );
      expect([name, seen, got]).toEqual([name, "by the interceptor", { header: "1", trailer: "2" }]);
    }
  });

  test("headers wait for the handler, however long it takes", async () => {
    const { transports } = await serve({
      limits: { earlyHeadersMs: 0 },
      services: [
        implement(AGUIService, {
          async getServiceInfo(_request, context) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            context.responseHeader.set("x-header", "late");
            return {};
          },
        }),
      ],
    });
    for (const [name, transport] of transports) {
      let header: string | null = null;
      const onHeader = (given: Headers) => {
        header = given.get("x-header");
      };
      await createClient(AGUIService, transport).getServiceInfo({}, { onHeader });
      expect([name, header]).toEqual([name, "late"]);
    }
  });

  test("without an implementation are unimplemented", async () => {
    const { transports } = await serve({ services: [implement(AGUIService, {})] });
    for (const [name, transport] of transports) {
      const error = await createClient(AGUIService, transport)
        .getServiceInfo({})
        .catch((reason: unknown) => ConnectError.from(reason));
      expect([name, (error as ConnectError).code]).toEqual([name, Code.Unimplemented]);
    }
  });

  test.each(["application/grpc-web+proto", "application/grpc-web+json"])(
    "%s that holds no message is the client's mistake",
    async (contentType) => {
      const { baseUrl } = await serve({ services: [implement(AGUIService, { getServiceInfo: () => ({}) })] });
      const body = new Uint8Array([0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]);
      const headers = { "content-type": contentType };
      const response = await fetch(`${baseUrl}/agent.v1.AGUIService/GetServiceInfo`, {
        method: "POST",
        headers,
        body,
      });
      const trailers = Buffer.from(await response.arrayBuffer()).toString("latin1");
      expect(trailers).toContain(`grpc-status: ${Code.InvalidArgument}\r\n`);
      expect(trailers).toContain("grpc-status-details-bin");
    },
  );
});

describe("client streams", () => {
  /** `service test.v1.Upload { rpc Count(stream StringValue) returns (Int32Value); }` */
  function uploadService(): DescService {
    const file = create(FileDescriptorProtoSchema, {
      name: "test/v1/upload.proto",
      package: "test.v1",
      syntax: "proto3",
      dependency: ["google/protobuf/wrappers.proto"],
      service: [
        {
          name: "Upload",
          method: [
            {
              name: "Count",
              inputType: ".google.protobuf.StringValue",
              outputType: ".google.protobuf.Int32Value",
              clientStreaming: true,
            },
          ],
        },
      ],
    });
    const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] });
    return createFileRegistry(set).getService("test.v1.Upload")!;
  }

  const service = uploadService();
  const entry = {
    service,
    implementation: {
      async count(requests: AsyncIterable<{ value: string }>) {
        let value = 0;
        for await (const request of requests) {
          value += request.value.length;
          if (request.value === "stop") {
            throw new ConnectError("enough", Code.Aborted);
          }
        }
        return { value };
      },
    },
  } as unknown as ServerOptions["services"][number];
  type Count = (requests: AsyncIterable<{ value: string }>) => Promise<Int32Value>;
  async function* words(...values: string[]) {
    for (const value of values) {
      yield { value };
    }
  }

  test("get one answer on every wire", async () => {
    const { transports } = await serve({ services: [entry] });
    for (const [name, transport] of transports) {
      const { count } = createClient(service, transport) as unknown as { count: Count };
      expect([name, (await count(words("a", "bc", "def"))).value]).toEqual([name, 6]);
      expect([name, (await count(words())).value]).toEqual([name, 0]);
      await expect(count(words("a", "stop", "b"))).rejects.toMatchObject({ code: Code.Aborted });
    }
  });

  test("check each message and its size", async () => {
    const { transports } = await serve({ services: [entry], limits: { readMaxBytes: 100 } });
    for (const [name, transport] of transports) {
      const { count } = createClient(service, transport) as unknown as { count: Count };
      const error = await count(words("a", "x".repeat(200))).catch((reason: unknown) =>
        ConnectError.from(reason),
      );
      expect([name, (error as ConnectError).code]).toEqual([name, Code.ResourceExhausted]);
    }
  });
});
