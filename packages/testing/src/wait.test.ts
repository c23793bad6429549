import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { freePort } from "./free-port.ts";
import { seededRandom } from "./random.ts";
import { waitUntil, withTimeout } from "./wait.ts";

describe("withTimeout", () => {
  it("passes a result and a failure through", async () => {
    expect(await withTimeout(Promise.resolve(1), "it")).toBe(1);
    await expect(withTimeout(Promise.reject(new Error("no")), "it")).rejects.toThrow("no");
  });
  it("names what took too long", async () => {
    await expect(withTimeout(new Promise(() => {}), "the answer", 10)).rejects.toThrow(
      "the answer took longer than 10 ms",
    );
  });
});

describe("waitUntil", () => {
  it("returns the first value, zero and empty text too", async () => {
    let calls = 0;
    expect(await waitUntil(() => (++calls < 3 ? undefined : 0), "it")).toBe(0);
    expect(calls).toBe(3);
    expect(await waitUntil(async () => "", "it")).toBe("");
  });
  it("names what did not come true", async () => {
    await expect(waitUntil(() => false, "the thing", { timeoutMs: 20 })).rejects.toThrow(
      "the thing did not come true",
    );
  });
});

describe("freePort", () => {
  it("is a port to listen on", async () => {
    const port = await freePort();
    const server = createServer().listen(port, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    server.close();
  });
});

describe("seededRandom", () => {
  it("repeats itself for a seed and differs for another", () => {
    const draw = (seed: number) => Array.from({ length: 20 }, seededRandom(seed).next);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
  it("stays within its bounds and reaches them", () => {
    const random = seededRandom(7);
    const drawn = new Set(Array.from({ length: 500 }, () => random.integer(-1, 2)));
    expect([...drawn].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
    expect(new Set(Array.from({ length: 200 }, () => random.pick(["a", "b"])))).toEqual(new Set(["a", "b"]));
    expect(() => random.pick([])).toThrow(RangeError);
  });
  it("shuffles without losing anything", () => {
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    const shuffled = seededRandom(3).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted()).toEqual(items);
  });
});
