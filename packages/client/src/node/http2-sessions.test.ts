import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { createFaultProxy, freePort, waitUntil, withTimeout } from "@dragoman/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Http2Sessions, type Http2SessionsOptions } from "./http2-sessions.ts";

describe("Http2Sessions", () => {
  let server: Http2Server;
  let accepted: ServerHttp2Session[];
  let port: number;
  const opened: Http2Sessions[] = [];

  beforeEach(async () => {
    accepted = [];
    server = createServer();
    server.on("session", (session) => accepted.push(session));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      if (headers[":path"] === "/stay") stream.write("open");
      else stream.end("done");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const sessions of opened.splice(0)) sessions.close();
    for (const session of accepted) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  function open(options?: Http2SessionsOptions, url = `http://127.0.0.1:${port}`) {
    const sessions = new Http2Sessions(url, options);
    opened.push(sessions);
    return sessions;
  }
  async function request(sessions: Http2Sessions, path = "/") {
    const stream = await sessions.request("GET", path, {}, {});
    stream.on("error", () => {});
    const answer = { text: "", isClosed: false };
    stream.setEncoding("utf8").on("data", (text: string) => {
      sessions.notifyResponseByteRead(stream);
      answer.text += text;
    });
    stream.on("close", () => {
      answer.isClosed = true;
    });
    stream.end();
    return { stream, answer };
  }
  async function complete(sessions: Http2Sessions) {
    const { answer } = await request(sessions);
    await waitUntil(() => answer.isClosed, "the answer");
    return answer.text;
  }

  it("makes one connection for many calls, also when they are made at once", async () => {
    const sessions = open();
    expect(await Promise.all([complete(sessions), complete(sessions)])).toEqual(["done", "done"]);
    expect(await complete(sessions)).toBe("done");
    expect(accepted).toHaveLength(1);
    expect(sessions.connectionCount).toBe(1);
  });

  it("survives that it is closed in the very moment in which a connection is there", async () => {
    const sessions = open();
    const onSocket = (message: unknown) => {
      const { socket } = message as { socket: Socket };
      // Behind what makes the session of the socket, before the session says that it is connected.
      socket.once("connect", () => process.nextTick(() => sessions.close()));
    };
    subscribe("net.client.socket", onSocket);
    const call = complete(sessions);
    unsubscribe("net.client.socket", onSocket);
    await expect(call).rejects.toThrow();
  });

  it("survives that an idle connection is told to go away while the next call is made", async () => {
    // With the stock session manager this ends the process with an uncaught exception.
    const sessions = open();
    const callUntilDone = () => waitUntil(async () => (await complete(sessions)) === "done", "an answer");
    for (let round = 1; round <= 20; round += 1) {
      await callUntilDone();
      accepted.at(-1)?.goaway();
      if (round % 2 === 0) accepted.at(-1)?.destroy();
    }
    await callUntilDone();
    expect(accepted.length).toBeGreaterThan(10);
  });

  it("finishes a call on a connection that goes away, and makes the next on a new one", async () => {
    const sessions = open();
    const { answer, stream } = await request(sessions, "/stay");
    await waitUntil(() => answer.text === "open", "the first bytes");
    accepted[0]?.close();
    await waitUntil(() => stream.session?.closed, "the client to hear of it");
    expect(await complete(sessions)).toBe("done");
    expect(accepted).toHaveLength(2);
    expect(answer.isClosed).toBe(false);
    expect(sessions.connectionCount).toBe(2);
  });

  it("reconnects after the connection was lost", async () => {
    await using proxy = await createFaultProxy({ port });
    const sessions = open({}, proxy.url);
    const { answer } = await request(sessions, "/stay");
    await waitUntil(() => answer.text === "open", "the first bytes");
    proxy.cut();
    await waitUntil(() => answer.isClosed, "the loss");
    expect(await complete(sessions)).toBe("done");
  });

  it("drops a connection that answers no ping, and the calls on it", async () => {
    await using proxy = await createFaultProxy({ port });
    const sessions = open({ pingIntervalMs: 20, pingTimeoutMs: 50 }, proxy.url);
    const { answer } = await request(sessions, "/stay");
    await waitUntil(() => answer.text === "open", "the first bytes");
    proxy.stall();
    await waitUntil(() => answer.isClosed, "the loss");
    proxy.resume();
    expect(await complete(sessions)).toBe("done");
    expect(proxy.acceptedCount).toBeGreaterThan(1);
  });

  it("asks an idle connection whether it is alive before it trusts it with a call", async () => {
    await using proxy = await createFaultProxy({ port });
    const sessions = open({ pingIntervalMs: 1, pingTimeoutMs: 50, connectTimeoutMs: 5_000 }, proxy.url);
    expect(await complete(sessions)).toBe("done");
    proxy.stall();
    const answer = complete(sessions);
    await waitUntil(() => proxy.acceptedCount > 1, "a second connection");
    proxy.resume();
    expect(await withTimeout(answer, "the answer")).toBe("done");
  });

  it("keeps a connection that answers pings", async () => {
    const sessions = open({ pingIntervalMs: 5, pingTimeoutMs: 5_000 });
    const pings: Buffer[] = [];
    const { answer } = await request(sessions, "/stay");
    accepted[0]?.on("ping", (payload) => pings.push(payload));
    await waitUntil(() => pings.length > 3, "some pings");
    expect(answer.isClosed).toBe(false);
    expect(await complete(sessions)).toBe("done");
    expect(accepted).toHaveLength(1);
  });

  it("closes a connection without calls after a while", async () => {
    const sessions = open({ idleTimeoutMs: 20 });
    expect(await complete(sessions)).toBe("done");
    await waitUntil(() => sessions.connectionCount === 0, "the end of the connection");
    expect(await complete(sessions)).toBe("done");
    expect(accepted).toHaveLength(2);
  });

  it("rejects where there is no server, or one that does not answer, and tries anew each time", async () => {
    const absent = open({}, `http://127.0.0.1:${await freePort()}`);
    await expect(absent.request("GET", "/", {}, {})).rejects.toThrow("ECONNREFUSED");
    await expect(absent.request("GET", "/", {}, {})).rejects.toThrow("ECONNREFUSED");
    await using proxy = await createFaultProxy({ port });
    const silent = open({ connectTimeoutMs: 50 }, proxy.url);
    proxy.refuse(true);
    await expect(silent.request("GET", "/", {}, {})).rejects.toThrow();
    proxy.refuse(false);
    expect(await complete(silent)).toBe("done");
  });

  it("fails open calls when it is closed", async () => {
    const sessions = open();
    const { answer } = await request(sessions, "/stay");
    await waitUntil(() => answer.text === "open", "the first bytes");
    sessions.close();
    await waitUntil(() => answer.isClosed, "the end");
    expect(await complete(sessions)).toBe("done");
  });
});
