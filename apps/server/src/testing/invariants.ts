import type { AguiEvent } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import { expect } from "vitest";

/** An event with its place, as a client recorded it. */
export interface Recorded {
  readonly sequence: number;
  readonly event: AguiEvent;
}

/** Reads the whole log of a session. */
export async function readLog(
  client: AgentClient,
  sessionId: string,
  afterSequence = 0,
): Promise<Recorded[]> {
  const log: Recorded[] = [];
  for await (const { sequence, event } of client.observeSession({ sessionId }, { afterSequence })) {
    log.push({ sequence: sequence ?? -1, event });
  }
  return log;
}

/** Dense: 1, 2, 3 … without gap or repetition. */
export function expectDense(recorded: readonly Recorded[], first = 1): void {
  expect(recorded.map(({ sequence }) => sequence)).toEqual(recorded.map((_, index) => first + index));
}

/** TerminalOnce: every run that started has one terminal event, its last. */
export function expectTerminalOnce(log: readonly Recorded[]): void {
  let open: string | undefined;
  for (const { event } of log) {
    if (event.type === "RUN_STARTED") {
      expect(open, "a run started while another was open").toBeUndefined();
      open = event.runId;
    } else {
      expect(open, `${event.type} outside of a run`).toBeDefined();
      if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") open = undefined;
    }
  }
  expect(open, "a run has no terminal event").toBeUndefined();
}

/** DurableBeforeVisible: what a client saw is in the log, at the place that it was shown with. */
export function expectDurable(seen: readonly Recorded[], log: readonly Recorded[]): void {
  for (const { sequence, event } of seen) expect(log[sequence - 1]).toEqual({ sequence, event });
}
