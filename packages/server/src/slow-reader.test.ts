import * as http2 from "node:http2";
import { errorInfoOf } from "@dragoman/rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { pausedHttp1Reader, pausedHttp2Reader } from "./testing/paused-reader.ts";
import { testService } from "./testing/test-service.ts";

const { entry, seen } = testService();
const warnings: string[] = [];
let server: Server;

beforeAll(async () => {
  server = createServer({
    services: [entry],
    limits: { stallTimeoutMs: 400, writeWindowBytes: 16_384 },
    log: {
      error: (message) => warnings.push(`error: ${message}`),
      warn: (message) => warnings.push(message),
    },
  });
  await server.listen();
});
afterAll(() => server.close());

/** Waits until the handler of the one open call has been told to stop, and returns why. */
async function stopped(before: number): Promise<unknown> {
  await expect.poll(() => seen.ended.length, { timeout: 5_000 }).toBe(before + 1);
  return seen.ended.at(-1);
}

test("a reader over HTTP/2 that wakes up in time learns why it was stopped", async () => {
  const before = seen.ended.length;
  const reader = await pausedHttp2Reader(http2.connect(server.address!.url));
  expect(errorInfoOf(await stopped(before))).toMatchObject({ reason: "SLOW_READER" });
  const { trailers, outcome } = await reader.readAll();
  expect([outcome, trailers["grpc-status"]]).toEqual(["end", "8"]);
  expect(trailers["grpc-status-details-bin"]).toBeDefined();
  expect(warnings.at(-1)).toMatch(/^closed a reader that took nothing for 400 ms: \/agent/);
  reader.close();
});

test("a reader over HTTP/2 that does not is reset as exhausted", async () => {
  const before = seen.ended.length;
  const reader = await pausedHttp2Reader(http2.connect(server.address!.url));
  await stopped(before);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await reader.readAll()).outcome).toContain("NGHTTP2_ENHANCE_YOUR_CALM");
  reader.close();
});

test("a reader over HTTP/1.1 is cut off", async () => {
  const before = seen.ended.length;
  const reader = await pausedHttp1Reader(server.address!.port);
  await stopped(before);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await reader.readAll()).outcome).toContain("ECONNRESET");
  reader.close();
});

test("many of them cost a bounded amount", async () => {
  const before = seen.elements.length;
  const ended = seen.ended.length;
  const readers = await Promise.all(
    Array.from({ length: 20 }, () => pausedHttp2Reader(http2.connect(server.address!.url))),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Handlers are stopped by back-pressure: what was taken from them fits into the windows.
  const elements = seen.elements.length - before;
  expect(elements * 80).toBeLessThan(20 * 400_000);
  for (const reader of readers) {
    reader.close();
  }
  await expect.poll(() => seen.ended.length, { timeout: 5_000 }).toBe(ended + 20);
});

test("a slow reader that goes on reading is served", async () => {
  const before = seen.ended.length;
  const reader = await pausedHttp2Reader(http2.connect(server.address!.url));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const reading = reader.readAll();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(seen.ended.length).toBe(before);
  reader.close();
  await reading;
});

test("a reader that grants no window holds a bounded number of pieces", async () => {
  const own = testService();
  const other = createServer({ services: [own.entry], limits: { writeWindowPieces: 20 } });
  const { url } = await other.listen();
  const reader = await pausedHttp2Reader(http2.connect(url, { settings: { initialWindowSize: 0 } }));
  await expect.poll(() => own.seen.elements.length).toBeGreaterThan(15);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(own.seen.elements.length).toBeLessThanOrEqual(21);
  reader.close();
  await other.close();
});
