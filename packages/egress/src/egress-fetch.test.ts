import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createEgressFetch,
  createEgressPolicy,
  EgressError,
  type EgressFetchOptions,
  type Resolve,
} from "./index.ts";
import { serveHttp } from "./testing/servers.ts";

const text = (body: Uint8Array) => Buffer.from(body).toString();

function client(options: EgressFetchOptions = {}, resolve?: Resolve, allow: string[] = ["127.0.0.1"]) {
  const policy = createEgressPolicy({ allow, allowLoopback: false, resolve });
  const egress = createEgressFetch(policy, options);
  onTestFinished(() => egress.close());
  return egress;
}

/** Answers by what the path begins with. */
function routes(table: Record<string, (response: ServerResponse) => void>) {
  return serveHttp(({ url = "" }, response) => {
    const route = Object.entries(table).find(([path]) => url === path || url.startsWith(`${path}?`));
    if (route === undefined) response.writeHead(404).end("no such path");
    else route[1](response);
  });
}

const redirect = (status: number, location: string) => (response: ServerResponse) =>
  void response.writeHead(status, { location }).end("moved");

describe("a request", () => {
  test("brings status, headers, body and where they came from", async () => {
    await using server = await serveHttp((_, response) => {
      response
        .writeHead(418, { "x-one": "1", "x-many": ["a", "b"], "content-type": "text/plain" })
        .end("täa");
    });
    const { status, headers, body, url } = await client().request({
      url: `${server.url}/pot?a=b#c`,
      method: "put",
      headers: { "X-Given": "yes" },
      body: "leaves",
    });
    expect({ status, url, text: text(body) }).toEqual({
      status: 418,
      url: `${server.url}/pot?a=b#c`,
      text: "täa",
    });
    expect(headers).toMatchObject({ "x-one": "1", "x-many": "a, b" });
    expect(server.received).toMatchObject([
      {
        method: "PUT",
        url: "/pot?a=b",
        body: "leaves",
        headers: { "x-given": "yes", host: `127.0.0.1:${server.port}`, "content-length": "6" },
      },
    ]);
  });

  test("uses its connections again, and ends them on close", async () => {
    await using server = await serveHttp((_, response) => response.end("ok"));
    const egress = client();
    for (let at = 0; at < 3; at++) {
      await egress.request({ url: server.url });
      await nextTurn();
    }
    expect(server.accepted()).toBe(1);
    const [socket] = server.sockets;
    const closed = once(socket!, "close");
    egress.close();
    await closed;
    await expect(egress.request({ url: server.url })).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  test("is ended by close", async () => {
    await using server = await serveHttp(() => {});
    const egress = client();
    const waiting = egress.request({ url: server.url });
    setImmediate(() => egress.close());
    await expect(waiting).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("stopping"),
    });
  });

  test("waits where there are as many connections as there may be", async () => {
    const open: ServerResponse[] = [];
    await using server = await serveHttp((_, response) => void open.push(response));
    const egress = client({ maxConnectionsPerHost: 2 });
    const answers = [1, 2, 3].map(() => egress.request({ url: server.url, timeoutMs: 10_000 }));
    const late = egress.request({ url: server.url, timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(server.accepted()).toBe(2);
    for (let answered = 0; answered < 3; ) {
      const response = open.shift();
      if (response === undefined) await nextTurn();
      else {
        response.end("ok");
        answered++;
      }
    }
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(server.accepted()).toBe(2);
  });

  test("has no body to a HEAD, a 204 and a 304, whatever their headers say", async () => {
    const headers = { "content-encoding": "gzip", "content-length": "99999999" };
    await using server = await serveHttp(({ url }, response) => {
      if (url === "/204") response.writeHead(204, { "content-encoding": "gzip" }).end();
      else if (url === "/304") response.writeHead(304, { "content-encoding": "gzip" }).end();
      else response.writeHead(200, headers).end();
    });
    const egress = client();
    expect((await egress.request({ url: server.url, method: "HEAD" })).body).toHaveLength(0);
    expect((await egress.request({ url: `${server.url}/204` })).body).toHaveLength(0);
    expect((await egress.request({ url: `${server.url}/304` })).status).toBe(304);
  });

  test.each([
    ["host", "Host", "other.example"],
    ["content-length", "content-length", "5"],
    ["transfer-encoding", "Transfer-Encoding", "chunked"],
    ["connection", "connection", "upgrade"],
    ["proxy-authorization", "Proxy-Authorization", "Basic xyz"],
    ["accept-encoding", "accept-encoding", "zstd"],
    ["a value with a line feed", "x-a", "hidden\r\nx-b: 1"],
    ["a value beyond Latin-1", "x-a", "hidden\u{1f642}"],
    ["a name with a space", "x a", "hidden"],
  ])("is refused with a header that is not its own to set: %s", async (_, name, value) => {
    await using server = await serveHttp((_, response) => response.end());
    const error = await client()
      .request({ url: server.url, headers: { [name]: value } })
      .catch((cause) => cause);
    expect(error).toMatchObject({ code: "INVALID_REQUEST" });
    expect(error.message).not.toContain(value);
    expect(server.accepted()).toBe(0);
  });

  test("is refused with a header given twice, or a method that makes tunnels", async () => {
    const refusal = expect.objectContaining({ code: "INVALID_REQUEST" });
    const url = "http://127.0.0.1:9/";
    await expect(client().request({ url, headers: { "X-A": "1", "x-a": "2" } })).rejects.toEqual(refusal);
    for (const method of ["CONNECT", "TRACE", "GET /x HTTP/1.1\r\n", ""]) {
      await expect(client().request({ url, method })).rejects.toEqual(refusal);
    }
  });

  test.each([
    ["timeoutMs", 0],
    ["timeoutMs", 2 ** 31],
    ["maxResponseBytes", 0],
    ["maxRedirects", -1],
    ["maxRedirects", 1.5],
  ])("must have limits in range: %s %d", async (name, value) => {
    const url = "http://127.0.0.1:9/";
    await expect(client().request({ url, [name]: value })).rejects.toThrow(name);
    expect(() => client({ [name]: value })).toThrow(TypeError);
  });
});

describe("what may be reached", () => {
  test("is checked before a connection is made, for URLs, names and what names mean later", async () => {
    await using server = await serveHttp((_, response) => response.end("reached"));
    let asked = 0;
    const rebind: Resolve = async () => {
      const address = ++asked === 1 ? "1.1.1.1" : "127.0.0.1";
      return [{ address, family: 4 }];
    };
    const policy = createEgressPolicy({ allowLoopback: false, resolve: rebind });
    const egress = createEgressFetch(policy);
    onTestFinished(() => egress.close());
    await expect(egress.request({ url: server.url })).rejects.toMatchObject({
      code: "ADDRESS_REFUSED",
      host: "127.0.0.1",
    });
    const url = `http://rebind.example:${server.port}/`;
    policy.checkUrl(url);
    expect(await policy.resolve("rebind.example", server.port)).toHaveLength(1);
    await expect(egress.request({ url })).rejects.toMatchObject({
      code: "ADDRESS_REFUSED",
      host: "rebind.example",
      address: "127.0.0.1",
    });
    expect(server.accepted()).toBe(0);
  });

  test("is looked up once for each connection and connected to as it was checked", async () => {
    await using server = await serveHttp((_, response) =>
      response.setHeader("connection", "close").end("reached"),
    );
    const answers = ["127.0.0.1", "169.254.169.254", "10.0.0.1"];
    let asked = 0;
    const resolve: Resolve = async () => [{ address: answers[asked++]!, family: 4 }];
    const egress = client({}, resolve, [`127.0.0.1:${server.port}`]);
    const url = `http://rebind.example:${server.port}/`;
    expect(text((await egress.request({ url })).body)).toBe("reached");
    expect(asked).toBe(1);
    await expect(egress.request({ url })).rejects.toMatchObject({ address: "169.254.169.254" });
    await expect(egress.request({ url })).rejects.toMatchObject({ address: "10.0.0.1" });
    expect(server.received).toMatchObject([{ headers: { host: `rebind.example:${server.port}` } }]);
  });

  test("counts the port of the rule", async () => {
    await using server = await serveHttp((_, response) => response.end("reached"));
    const resolve: Resolve = async () => [{ address: "127.0.0.1", family: 4 }];
    const right = client({}, resolve, [`tools.example:${server.port}`]);
    expect((await right.request({ url: `http://tools.example:${server.port}` })).status).toBe(200);
    const wrong = client({}, resolve, [`tools.example:${server.port + 1}`]);
    await expect(wrong.request({ url: `http://tools.example:${server.port}` })).rejects.toMatchObject({
      code: "ADDRESS_REFUSED",
    });
  });

  test.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]:1/",
    "http://localhost:1/",
    "//10.0.0.1/",
    "http://2852039166/",
    "http://[::ffff:a9fe:a9fe]/",
  ])("is checked for redirects: %s", async (location) => {
    for (const status of [301, 302, 303, 307, 308]) {
      await using server = await routes({ "/": redirect(status, location) });
      const egress = client({}, undefined, [`127.0.0.1:${server.port}`]);
      await expect(egress.request({ url: server.url, method: "POST", body: "{}" })).rejects.toMatchObject({
        code: "ADDRESS_REFUSED",
      });
    }
  });

  test.each([
    ["file:///etc/passwd", "INVALID_TARGET"],
    ["gopher://127.0.0.1:6379/_FLUSHALL", "INVALID_TARGET"],
    ["http://user:secret@127.0.0.1/", "INVALID_TARGET"],
    ["http://[", "INVALID_RESPONSE"],
  ])("is no other place that a redirect names: %s", async (location, code) => {
    await using server = await routes({ "/": redirect(302, location) });
    await expect(client().request({ url: server.url })).rejects.toMatchObject({ code });
  });

  test("is checked for names that redirects name", async () => {
    const resolve: Resolve = async (host) => [
      { address: host === "start.example" ? "127.0.0.1" : "127.0.0.2", family: 4 },
    ];
    await using server = await routes({ "/": redirect(302, "http://inner.example/") });
    const egress = client({}, resolve);
    await expect(egress.request({ url: `http://start.example:${server.port}/` })).rejects.toMatchObject({
      code: "ADDRESS_REFUSED",
      host: "inner.example",
    });
  });
});

describe("a redirect", () => {
  test.each([
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
    [301, "PUT", "PUT"],
    [302, "DELETE", "DELETE"],
    [307, "POST", "POST"],
    [308, "POST", "POST"],
    [308, "GET", "GET"],
  ])("%d of a %s is followed by a %s", async (status, method, next) => {
    await using server = await routes({
      "/a": redirect(status, "b?c=d"),
      "/b": (response) => void response.end("there"),
    });
    const body = method === "GET" || method === "HEAD" ? undefined : "data";
    const headers = { "content-type": "text/plain", authorization: "Bearer x" };
    const { url } = await client().request({ url: `${server.url}/a`, method, headers, body });
    expect(url).toBe(`${server.url}/b?c=d`);
    const second = server.received[1]!;
    const isKept = next === method;
    expect(second).toMatchObject({
      method: next,
      body: isKept ? (body ?? "") : "",
      headers: { authorization: "Bearer x" },
    });
    expect(second.headers["content-type"]).toBe(isKept ? "text/plain" : undefined);
  });

  test("to another origin carries no header that may be a credential, nor does the way back", async () => {
    await using home = await routes({ "/back": (response) => void response.end("home") });
    await using other = await routes({ "/": redirect(307, `${home.url}/back`) });
    await using first = await routes({ "/": redirect(307, `${other.url}/`) });
    const headers = {
      authorization: "Bearer secret",
      cookie: "session=secret",
      "x-api-key": "secret",
      accept: "text/plain",
      "idempotency-key": "call-1",
      "content-type": "application/json",
    };
    await client().request({ url: first.url, method: "POST", headers, body: "{}" });
    for (const server of [other, home]) {
      expect(server.received[0]).toMatchObject({
        body: "{}",
        headers: { accept: "text/plain", "idempotency-key": "call-1", "content-type": "application/json" },
      });
      expect(JSON.stringify(server.received)).not.toContain("secret");
    }
    expect(first.received[0]?.headers).toMatchObject(headers);
  });

  test("is followed as often as maxRedirects says", async () => {
    const table = Object.fromEntries([0, 1, 2, 3].map((at) => [`/${at}`, redirect(302, `/${at + 1}`)]));
    await using server = await routes({ ...table, "/4": (response) => void response.end("there") });
    const egress = client();
    expect(text((await egress.request({ url: `${server.url}/1` })).body)).toBe("there");
    await expect(egress.request({ url: `${server.url}/0` })).rejects.toMatchObject({
      code: "TOO_MANY_REDIRECTS",
    });
    expect((await egress.request({ url: `${server.url}/0`, maxRedirects: 4 })).status).toBe(200);
    await expect(egress.request({ url: `${server.url}/3`, maxRedirects: 0 })).rejects.toBeInstanceOf(
      EgressError,
    );
  });

  test("without a place is an answer as any other", async () => {
    await using server = await routes({ "/": (response) => void response.writeHead(302).end("where?") });
    const { status, body } = await client().request({ url: server.url });
    expect([status, text(body)]).toEqual([302, "where?"]);
  });
});
