import { afterAll, beforeAll, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

let server: Server;
let url: string;
const warnings: Error[] = [];
const noteWarning = (warning: Error) => warnings.push(warning);

beforeAll(async () => {
  process.on("warning", noteWarning);
  server = createServer({ services: [testService().entry] });
  ({ url } = await server.listen());
});
afterAll(async () => {
  await server.close();
  process.off("warning", noteWarning);
});

const path = (method: string) => `${url}/agent.v1.AGUIService/${method}`;
const message = new TextEncoder().encode('{"input":{"threadId":"t","runId":"r"}}');
const messages: Record<string, Uint8Array> = {
  GetServiceInfo: new Uint8Array([0, 0, 0, 0, 2, 0x7b, 0x7d]),
  ValidateInput: new Uint8Array([0, 0, 0, 0, 2, 0x7b, 0x7d]),
  RunAgent: new Uint8Array([0, 0, 0, 0, message.length, ...message]),
};

/** The status of a gRPC-Web call, which is that of gRPC in a body. */
async function grpcStatus(method: string, timeout: string): Promise<string | undefined> {
  const headers = { "content-type": "application/grpc-web+json", "grpc-timeout": timeout };
  const response = await fetch(path(method), { method: "POST", headers, body: messages[method] as BodyInit });
  return /grpc-status: (\d+)/.exec(await response.text())?.[1];
}

/** The HTTP status and the code of a Connect call. */
async function connectStatus(method: string, timeout: string) {
  const headers = { "content-type": "application/json", "connect-timeout-ms": timeout };
  const response = await fetch(path(method), { method: "POST", headers, body: "{}" });
  return [response.status, ((await response.json()) as { code?: string }).code];
}

test.each(["99999999H", "99999999S", "25H", "90000000m"])(
  "a deadline in %s is none to worry about",
  async (timeout) => {
    expect(await grpcStatus("GetServiceInfo", timeout)).toBe("0");
    expect(await grpcStatus("RunAgent", timeout)).toBe("0");
  },
);

test.each(["0n", "1n", "999u", "0H", "1m"])("a deadline in %s passes", async (timeout) => {
  expect(await grpcStatus("ValidateInput", timeout)).toBe("4");
});

test.each(["0n", "1n", "0S"])("a deadline in %s passes before anything is done", async (timeout) => {
  expect(await grpcStatus("GetServiceInfo", timeout)).toBe("4");
  expect(await grpcStatus("RunAgent", timeout)).toBe("4");
});

test.each(["", "1", "n", "-1S", "1.5S", "999999999S", "1s"])(
  "a deadline of '%s' is invalid",
  async (timeout) => {
    expect(await grpcStatus("GetServiceInfo", timeout)).toBe("3");
  },
);

test("Connect takes deadlines from 0 to ten digits", async () => {
  for (const timeout of ["86400001", "2147483648", "9999999999"])
    expect(await connectStatus("GetServiceInfo", timeout)).toEqual([200, undefined]);
  for (const timeout of ["0", "1"])
    expect(await connectStatus("ValidateInput", timeout)).toEqual([504, "deadline_exceeded"]);
  for (const timeout of ["-1", "1.5", "1e3", "99999999999"])
    expect(await connectStatus("GetServiceInfo", timeout)).toEqual([400, "invalid_argument"]);
});

test("no deadline is too long for a timer", () => {
  expect(warnings).toEqual([]);
});
