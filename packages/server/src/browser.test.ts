import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

const path = "/agent.v1.AGUIService/GetServiceInfo";
const page = "https://app.example";
let strict: Server;
let cors: Server;

beforeAll(async () => {
  strict = createServer({ services: [testService().entry] });
  cors = createServer({ services: [testService().entry], allowedOrigins: [page] });
  await strict.listen();
  await cors.listen();
});
afterAll(() => Promise.all([strict.close(), cors.close()]));

const call = (server: Server, headers: Record<string, string>, init: RequestInit = {}) =>
  fetch(server.address!.url + path, {
    method: "POST",
    body: "{}",
    ...init,
    headers: { "content-type": "application/json", ...headers },
  });

describe("without configuration no web page can drive the server", () => {
  test("foreign origins are refused with a reason, before the handler", async () => {
    const response = await call(strict, { origin: page });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      code: "permission_denied",
      details: [{ debug: { reason: "FOREIGN_ORIGIN", metadata: { header: "origin", value: page } } }],
    });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("foreign hosts are refused", async () => {
    const { sendRaw, parseAnswer } = await import("./testing/raw-http.ts");
    const { text } = await sendRaw(
      strict.address!.port,
      "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    );
    expect(parseAnswer(text)).toMatchObject({ status: 403, body: { code: "permission_denied" } });
  });

  test.each([
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
  ])("%s, which a form can send, is refused", async (type) => {
    const response = await call(strict, { "content-type": type });
    expect([response.status, (await response.json()).code]).toEqual([415, "invalid_argument"]);
  });

  test("so is no content type at all", async () => {
    const response = await fetch(strict.address!.url + path, { method: "POST", body: new Blob(["{}"]) });
    expect(response.status).toBe(415);
  });

  test("preflights are refused", async () => {
    const response = await call(
      strict,
      { origin: page, "access-control-request-method": "POST" },
      { method: "OPTIONS", body: null },
    );
    expect(response.status).toBe(403);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("OPTIONS of a program tells the methods", async () => {
    const response = await call(strict, {}, { method: "OPTIONS", body: null });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, GET"]);
  });
});

describe("origins that are allowed", () => {
  test("get preflights answered, with the headers that they ask for", async () => {
    const response = await call(
      cors,
      {
        origin: page,
        "access-control-request-method": "POST",
        "access-control-request-headers": "connect-protocol-version,content-type,x-own",
        "access-control-request-private-network": "true",
      },
      { method: "OPTIONS", body: null },
    );
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": page,
      "access-control-allow-methods": "POST, GET",
      "access-control-allow-headers": "connect-protocol-version,content-type,x-own",
      "access-control-allow-private-network": "true",
      "access-control-max-age": "7200",
    });
  });

  test("may read responses, errors among them", async () => {
    const good = await call(cors, { origin: page });
    expect(good.status).toBe(200);
    expect(good.headers.get("access-control-allow-origin")).toBe(page);
    expect(good.headers.get("access-control-expose-headers")?.toLowerCase()).toContain("grpc-status");
    expect(good.headers.get("vary")).toBe("origin");
    const bad = await call(cors, { origin: page, "content-type": "application/xml" });
    expect([bad.status, bad.headers.get("access-control-allow-origin")]).toEqual([415, page]);
  });

  test("are the only ones", async () => {
    const response = await call(cors, { origin: "https://app.example.evil.example" });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });
});
