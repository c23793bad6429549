import { connect } from "node:net";
import { createServer, type Server } from "@dragoman/server";
import { afterEach, expect, test } from "vitest";
import { createAguiHttpProtocol } from "./index.ts";
import { delta, smallRun, started, testServices } from "./testing/test-services.ts";

const body = JSON.stringify({ threadId: "t", runId: "r", messages: [], protocolVersion: "1.0" });
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(limits = {}) {
  const services = testServices();
  const warnings: string[] = [];
  const server = createServer({
    services: services.entries,
    protocols: [createAguiHttpProtocol({ headerDelayMs: 100 })],
    plainHttpOnly: true,
    limits,
    log: { error: (message) => warnings.push(message), warn: (message) => warnings.push(message) },
  });
  servers.push(server);
  const { url, port } = await server.listen();
  return { services, server, url, port, warnings };
}

const post = (url: string) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });

test("a drain breaks off streams whose run is not over, and ends the others", async () => {
  const { services, server, url } = await serve();
  services.steps = [{ batch: [started, delta("a")] }, { untilAborted: true }];
  const running = await post(url);
  services.steps = [{ batch: smallRun }, { untilAborted: true }];
  const over = await fetch(`${url}/sessions/s/events?follow=true`);
  const drained = server.drain({ graceMs: 100 });
  await expect(running.text()).rejects.toThrow();
  expect((await over.text()).match(/^data: /gm)).toHaveLength(smallRun.length);
  expect(await drained).toBe("stopped");
});

test("a drain lets a run that ends in time end", async () => {
  const { services, server, url } = await serve();
  services.steps = [{ batch: [started] }, { pauseMs: 300 }, { batch: smallRun.slice(1) }];
  const running = await post(url);
  const drained = server.drain({ graceMs: 5_000 });
  expect((await running.text()).match(/^data: /gm)).toHaveLength(smallRun.length);
  expect(await drained).toBe("clean");
});

test("a reader that takes nothing is cut off, and its handler stopped", async () => {
  const { services, port, warnings } = await serve({ stallTimeoutMs: 300 });
  services.steps = Array.from({ length: 400 }, () => ({ batch: [delta("x".repeat(100_000))] }));
  const socket = connect(port, "127.0.0.1");
  let outcome = "";
  socket.on("error", (error) => {
    outcome = error.message;
  });
  socket.write(
    `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await new Promise((resolve) => socket.once("readable", resolve));
  await expect.poll(() => services.aborted.length, { timeout: 5_000 }).toBe(1);
  expect(String(services.aborted[0])).toContain("took nothing for 300 ms");
  expect(warnings).toHaveLength(1);
  socket.resume();
  await expect.poll(() => outcome).toContain("ECONNRESET");
});

test("interrupted reading is back-pressure for the handler, not memory of the server", async () => {
  const { services, port } = await serve({ stallTimeoutMs: 10_000 });
  services.steps = Array.from({ length: 10_000 }, () => ({ batch: [delta("x".repeat(10_000))] }));
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  socket.write(
    `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await new Promise((resolve) => socket.once("readable", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  // A hundred megabytes are ready to be sent; what the connection holds is far less.
  expect(services.played * 10_000).toBeLessThan(30_000_000);
  socket.destroy();
});
