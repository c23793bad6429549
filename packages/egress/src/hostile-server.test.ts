import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { createEgressFetch, createEgressPolicy, type EgressFetchOptions, type Resolve } from "./index.ts";
import { serveHttp, serveTcp, type TestServer } from "./testing/servers.ts";

const text = (body: Uint8Array) => Buffer.from(body).toString();

function client(options: EgressFetchOptions = {}, resolve?: Resolve) {
  const egress = createEgressFetch(createEgressPolicy({ allowLoopback: true, resolve }), options);
  onTestFinished(() => egress.close());
  return egress;
}

/** A server that answers whatever it gets with these bytes and then does nothing. */
function serveBytes(bytes: string) {
  return serveTcp((socket) => void socket.once("data", () => socket.write(bytes)));
}

/** Waits until the server has no connection any more. */
async function ended(server: TestServer): Promise<void> {
  for (const socket of server.sockets) {
    await new Promise((resolve) => socket.once("close", resolve));
  }
}

describe("the size of an answer", () => {
  test("is limited by what it announces", async () => {
    await using server = await serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n");
    await expect(client({ maxResponseBytes: 1000 }).request({ url: server.url })).rejects.toMatchObject({
      code: "RESPONSE_TOO_LARGE",
      message: expect.stringContaining("1000 bytes"),
    });
  });

  test("is limited where it announces nothing, and the connection is ended", async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serveHttp((_, response) => {
      response.on("close", () => closed.resolve());
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      };
      response.on("drain", pour);
      pour();
    });
    await expect(client().request({ url: server.url, maxResponseBytes: 100_000 })).rejects.toMatchObject({
      code: "RESPONSE_TOO_LARGE",
    });
    await closed.promise;
  });

  test("may be the limit itself", async () => {
    await using server = await serveHttp((_, response) => response.end(Buffer.alloc(1000)));
    expect((await client({ maxResponseBytes: 1000 }).request({ url: server.url })).body).toHaveLength(1000);
  });

  test.each([
    ["gzip", zlib.gzipSync],
    ["br", zlib.brotliCompressSync],
    ["deflate", zlib.deflateSync],
    ["deflate", zlib.deflateRawSync],
  ] as const)("is limited after decoding: %s", async (encoding, encode) => {
    const bomb = encode(Buffer.alloc(5_000_000));
    const small = encode(Buffer.from("small"));
    await using server = await serveHttp(({ url }, response) => {
      response.setHeader("content-encoding", encoding).end(url === "/bomb" ? bomb : small);
    });
    const egress = client({ maxResponseBytes: 100_000 });
    expect(bomb.length).toBeLessThan(100_000);
    await expect(egress.request({ url: `${server.url}/bomb` })).rejects.toMatchObject({
      code: "RESPONSE_TOO_LARGE",
    });
    const { body } = await egress.request({ url: server.url });
    expect(text(body)).toBe("small");
    expect(server.received[0]?.headers["accept-encoding"]).toBe("gzip, br, deflate");
  });

  test("is limited in its headers", async () => {
    await using server = await serveBytes(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`);
    await expect(client().request({ url: server.url })).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });
});

describe("what is no answer", () => {
  test.each([
    ["something else than HTTP", "SSH-2.0-OpenSSH_9.6\r\n", "INVALID_RESPONSE"],
    [
      "a change of the protocol",
      "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
      "INVALID_RESPONSE",
    ],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
      "INVALID_RESPONSE",
    ],
    [
      "an unknown encoding",
      "HTTP/1.1 200 OK\r\ncontent-encoding: lzma\r\ncontent-length: 1\r\n\r\na",
      "INVALID_RESPONSE",
    ],
    [
      "a broken encoding",
      "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\na",
      "INVALID_RESPONSE",
    ],
    [
      "an encoding within another",
      "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\na",
      "INVALID_RESPONSE",
    ],
  ])("is reported: %s", async (_, bytes, code) => {
    await using server = await serveBytes(bytes);
    await expect(client().request({ url: server.url })).rejects.toMatchObject({ code });
  });

  test.each([
    ["before its head", ""],
    ["within its head", "HTTP/1.1 200 OK\r\ncontent-"],
    ["within its body", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"],
    ["within a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
  ])("is reported where the connection ends %s", async (_, bytes) => {
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      await using server = await serveTcp((socket) => {
        socket.once("data", () => (bytes === "" ? end(socket) : socket.write(bytes, () => end(socket))));
      });
      await expect(client().request({ url: server.url })).rejects.toMatchObject({
        code: expect.stringMatching(/^(UNREACHABLE|INVALID_RESPONSE)$/),
        host: `127.0.0.1:${server.port}`,
      });
    }
  });

  test("is reported where nobody listens and for names that are not there", async () => {
    const port = await serveHttp(() => {}).then(async (server) => {
      await server[Symbol.asyncDispose]();
      return server.port;
    });
    await expect(client().request({ url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: `127.0.0.1:${port} refused the connection. Is the service running there?`,
    });
    const resolve: Resolve = () => Promise.reject(Object.assign(new Error(), { code: "ENOTFOUND" }));
    await expect(client({}, resolve).request({ url: "http://nobody.example/secret" })).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: "There is no host nobody.example.",
    });
  });
});

describe("the deadline", () => {
  test.each([
    ["says nothing", ""],
    ["sends half a head", "HTTP/1.1 200 OK\r\n"],
    ["sends half a body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
    ["sends hints only", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"],
  ])("ends a server that %s", async (_, bytes) => {
    await using server = await serveBytes(bytes);
    await expect(client().request({ url: `${server.url}/secret?x`, timeoutMs: 100 })).rejects.toMatchObject({
      code: "TIMEOUT",
      message: `127.0.0.1:${server.port} did not answer completely within 100 ms.`,
    });
    await ended(server);
  });

  test("ends one that sends a byte at a time, for ever", async () => {
    await using server = await serveTcp((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        const timer = setInterval(() => socket.write("1\r\na\r\n"), 5);
        socket.on("close", () => clearInterval(timer));
      });
    });
    await expect(client({ timeoutMs: 200 }).request({ url: server.url })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
    await ended(server);
  });

  test("ends one that redirects slowly, over all redirects", async () => {
    await using server = await serveHttp((_, response) => {
      setTimeout(() => response.writeHead(302, { location: "/again" }).end(), 20);
    });
    await expect(
      client({ timeoutMs: 150, maxRedirects: 20 }).request({ url: server.url }),
    ).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("ends a name service that says nothing", async () => {
    const egress = client({ timeoutMs: 50 }, () => new Promise(() => {}));
    await expect(egress.request({ url: "http://slow.example/" })).rejects.toMatchObject({ code: "TIMEOUT" });
  });
});

describe("the signal", () => {
  test.each([
    ["before the head", ""],
    ["within the body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
  ])("ends a request %s, with its reason", async (_, bytes) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    await using server = await serveTcp((socket) => {
      socket.once("data", () => socket.write(bytes === "" ? "H" : bytes, () => controller.abort(reason)));
    });
    await expect(client().request({ url: server.url, signal: controller.signal })).rejects.toBe(reason);
    await ended(server);
  });

  test("ends a request that has not begun, and one that waits for a name", async () => {
    const aborted = AbortSignal.abort(new Error("never mind"));
    await expect(client().request({ url: "not even a URL", signal: aborted })).rejects.toThrow("never mind");
    const controller = new AbortController();
    const egress = client({}, () => {
      controller.abort(new Error("enough"));
      return new Promise(() => {});
    });
    const { signal } = controller;
    await expect(egress.request({ url: "http://slow.example/", signal })).rejects.toThrow("enough");
  });
});

describe("TLS", () => {
  const { key, cert } = makeCertificate();

  test("is made with whom the certificate names, and with nobody else", async () => {
    await using server = await serveHttp((_, response) => response.end("safe"), { key, cert });
    const resolve: Resolve = async () => [{ address: "127.0.0.1", family: 4 }];
    const trusting = client({ ca: cert }, resolve);
    expect(text((await trusting.request({ url: `https://tools.example:${server.port}/` })).body)).toBe(
      "safe",
    );
    expect(text((await trusting.request({ url: `https://127.0.0.1:${server.port}/` })).body)).toBe("safe");
    const failure = { code: "UNREACHABLE", message: expect.stringContaining("No trusted TLS connection") };
    await expect(trusting.request({ url: `https://other.example:${server.port}/` })).rejects.toMatchObject(
      failure,
    );
    await expect(client({}, resolve).request({ url: server.url })).rejects.toMatchObject(failure);
    await using plain = await serveHttp((_, response) => response.end("plain"));
    await expect(trusting.request({ url: plain.url.replace("http:", "https:") })).rejects.toMatchObject(
      failure,
    );
  });
});

test("the proxy of the environment is not used", async () => {
  await using proxy = await serveHttp((_, response) => response.end("by proxy"));
  await using server = await serveHttp((_, response) => response.end("direct"));
  const index = fileURLToPath(new URL("./index.ts", import.meta.url));
  const script = `
    const { createEgressFetch, createEgressPolicy } = await import(${JSON.stringify(index)});
    const egress = createEgressFetch(createEgressPolicy({ allowLoopback: true }));
    const { body } = await egress.request({ url: ${JSON.stringify(server.url)} });
    process.stdout.write(Buffer.from(body).toString());
    egress.close();`;
  const output = await new Promise<string>((resolve, reject) => {
    const env = {
      ...process.env,
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: proxy.url,
      http_proxy: proxy.url,
      NO_PROXY: "",
    };
    execFile(process.execPath, ["--input-type=module", "-e", script], { env }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
  expect(output).toBe("direct");
  expect(proxy.accepted()).toBe(0);
});

/** A certificate for tools.example and 127.0.0.1 that vouches for itself. */
function makeCertificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "dragoman-egress-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = [
      "-subj",
      "/CN=tools.example",
      "-addext",
      "subjectAltName=DNS:tools.example,IP:127.0.0.1",
    ];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
