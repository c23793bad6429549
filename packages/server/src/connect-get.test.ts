import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer({ services: [testService().entry], limits: { readMaxBytes: 1_000 } });
  ({ url } = await server.listen());
});
afterAll(() => server.close());

async function get(query: Record<string, string>) {
  const search = new URLSearchParams(query);
  const response = await fetch(`${url}/agent.v1.AGUIService/GetServiceInfo?${search}`);
  const body = (await response.json()) as { code?: string; name?: string };
  return [response.status, body.code ?? body.name];
}

const json = { connect: "v1", encoding: "json" };
const zipped = gzipSync('{"agentId":"x"}').toString("base64");

test.each([
  ["plain", { message: '{"agentId":"x"}' }],
  ["base64", { base64: "1", message: btoa('{"agentId":"x"}') }],
  ["base64 without padding", { base64: "1", message: btoa('{"agentId":"x"}').replaceAll("=", "") }],
  ["base64 compressed", { base64: "1", compression: "gzip", message: zipped }],
])("a message in the query may be %s", async (_, query) => {
  expect(await get({ ...json, ...query })).toEqual([200, "hello x"]);
});

test.each([
  ["no base64", { base64: "1", message: "!!!" }],
  ["cut base64", { base64: "1", message: "eyJhZ2VudElkIjoieCJ9A" }],
  ["no JSON", { message: "{" }],
  ["another message", { message: '{"agentId":7}' }],
  ["not compressed", { base64: "1", compression: "gzip", message: btoa("{}") }],
])("a message in the query that is %s is an invalid argument", async (_, query) => {
  expect(await get({ ...json, ...query })).toEqual([400, "invalid_argument"]);
});
