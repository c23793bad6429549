import { getEventListeners } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { errorReasonOf, raceAbort, raceDeadline } from "./index.ts";

const never = new Promise<never>(() => {});

test("a promise that settles first wins, and no listener stays", async () => {
  const { signal } = new AbortController();
  await expect(raceAbort(Promise.resolve(1), signal)).resolves.toBe(1);
  await expect(raceAbort(Promise.reject(new Error("own")), signal)).rejects.toThrow("own");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("an abort before or during the wait rejects with its reason", async () => {
  const controller = new AbortController();
  const waiting = raceAbort(never, controller.signal);
  controller.abort(new Error("stop"));
  await expect(waiting).rejects.toThrow("stop");
  await expect(raceAbort(Promise.resolve(1), controller.signal)).rejects.toThrow("stop");
});

test("a promise that rejects after the abort is not reported as unhandled", async () => {
  const late = Promise.reject(new Error("late"));
  await expect(raceAbort(late, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
});

test("a deadline rejects with DEADLINE_EXCEEDED", async () => {
  const error = await raceDeadline(never, { timeoutMs: 1 }).catch((reason: unknown) => reason);
  expect(ConnectError.from(error).code).toBe(Code.DeadlineExceeded);
  expect(errorReasonOf(error)).toBe("DEADLINE_EXCEEDED");
  await expect(raceDeadline(Promise.resolve("in time"), { timeoutMs: 60_000 })).resolves.toBe("in time");
  const stopped = raceDeadline(never, { timeoutMs: 60_000, signal: AbortSignal.abort(new Error("stop")) });
  await expect(stopped).rejects.toThrow("stop");
});
