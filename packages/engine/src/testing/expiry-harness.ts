import type { Agent } from "@dragoman/agent";
import { expect } from "vitest";
import type { Engine, EngineOptions } from "../engine.ts";
import { EngineError, type EngineErrorReason } from "../errors.ts";
import { attach, engineWith, key, readAll, type Seen } from "./harness.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** Opens an engine whose time a test moves. */
export async function expiryEngine(
  agent: Agent,
  { clock = manualClock(), ...options }: Partial<EngineOptions> & { readonly clock?: ManualClock } = {},
) {
  const { now, timer } = clock;
  return { ...(await engineWith(agent, { now, timer, ...options })), clock };
}

/** All events of a session. */
export async function sessionEvents(engine: Engine, id = key.id): Promise<Seen[]> {
  return readAll(await engine.observeSession({ ...key, id }, attach(), false));
}

/** Waits for a call to be refused for a reason. */
export async function expectReason(
  call: Promise<unknown>,
  reason: EngineErrorReason,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const error = await call.then(
    () => new Error(`the call was not refused with ${reason}`),
    (rejection: unknown) => rejection,
  );
  if (!(error instanceof EngineError)) throw error;
  expect(error).toMatchObject({ reason, metadata });
}
