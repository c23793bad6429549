import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFaultProxy, type FaultProxy } from "./fault-proxy.ts";
import { delay, waitUntil } from "./wait.ts";

describe("createFaultProxy", () => {
  let sockets: Socket[];
  let proxy: FaultProxy;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(`echo ${chunk}`));
  });

  beforeEach(async () => {
    sockets = [];
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await createFaultProxy({ port: (server.address() as { port: number }).port });
  });
  afterEach(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  function open() {
    const client = connect(proxy.port, "127.0.0.1");
    const seen = { text: "", error: undefined as string | undefined, isClosed: false };
    client.on("data", (chunk) => {
      seen.text += chunk;
    });
    client.on("error", (error: NodeJS.ErrnoException) => {
      seen.error = error.code;
    });
    client.on("close", () => {
      seen.isClosed = true;
    });
    return { client, seen };
  }

  it("passes bytes in both directions and counts", async () => {
    const { client, seen } = open();
    client.write("a");
    await waitUntil(() => seen.text === "echo a", "the echo");
    expect(proxy.connectionCount).toBe(1);
    expect(proxy.receivedBytes).toBe(6);
    client.destroy();
    await waitUntil(() => proxy.connectionCount === 0, "the end of the connection");
    expect(proxy.acceptedCount).toBe(1);
  });

  it("passes an orderly end on", async () => {
    const { client, seen } = open();
    client.write("a");
    await waitUntil(() => seen.text === "echo a", "the echo");
    sockets[0]?.end("bye");
    await waitUntil(() => seen.isClosed, "the end");
    expect(seen.text).toBe("echo abye");
    expect(seen.error).toBeUndefined();
  });

  it("cuts open connections and takes new ones", async () => {
    const { client, seen } = open();
    client.write("a");
    await waitUntil(() => seen.text === "echo a", "the echo");
    proxy.cut();
    await waitUntil(() => seen.isClosed, "the cut");
    expect(seen.error).toBe("ECONNRESET");
    await waitUntil(() => sockets[0]?.destroyed, "the cut on the other side");
    const again = open();
    again.client.write("b");
    await waitUntil(() => again.seen.text === "echo b", "the second echo");
  });

  it("cuts after a number of bytes, all of which arrive", async () => {
    const { client, seen } = open();
    proxy.cutAfter(4);
    client.write("abc");
    await waitUntil(() => seen.isClosed, "the cut");
    expect(seen.text).toBe("echo");
  });

  it("stalls without closing, and goes on where it stopped", async () => {
    const { client, seen } = open();
    client.write("a");
    await waitUntil(() => seen.text === "echo a", "the echo");
    proxy.stall();
    sockets[0]?.write("held back");
    const late = open();
    late.client.write("b");
    await delay(50);
    expect(seen).toEqual({ text: "echo a", error: undefined, isClosed: false });
    expect(late.seen.text).toBe("");
    proxy.resume();
    await waitUntil(() => seen.text === "echo aheld back" && late.seen.text === "echo b", "the rest");
  });

  it("refuses connections", async () => {
    proxy.refuse(true);
    const { seen } = open();
    await waitUntil(() => seen.isClosed, "the refusal");
    expect(sockets).toHaveLength(0);
    proxy.refuse(false);
    const again = open();
    again.client.write("b");
    await waitUntil(() => again.seen.text === "echo b", "the echo");
  });

  it("closes connections whose target is not there", async () => {
    proxy.retarget(1);
    const { seen } = open();
    await waitUntil(() => seen.isClosed, "the end");
  });
});
