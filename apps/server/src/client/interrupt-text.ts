import type { ResolveInterruptResponse } from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { InterruptState, type SessionInterrupt } from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import type { Terminal } from "../terminal.ts";

/** The state of an interrupt in a word. */
export function stateName({ state }: SessionInterrupt): string {
  return (InterruptState[state] ?? "unknown").toLowerCase();
}

/** What an interrupt asks, in a line. */
export function whatIsAsked(one: SessionInterrupt): string {
  const call = one.toolName === "" ? "" : `${one.toolName}(${shorten(one.toolArgumentsJson)})`;
  const text = one.interrupt?.message || one.interrupt?.reason || "";
  return [call, shorten(text)].filter((part) => part !== "").join(" ");
}

/** An interrupt in a line. */
export function interruptLine(one: SessionInterrupt, { bold, dim }: Terminal): string {
  const id = bold(one.interrupt?.id ?? "");
  return `${stateName(one).padEnd(8)} ${id} ${dim(`session ${one.sessionId}`)} ${whatIsAsked(one)}`;
}

/** What became of an answer. */
export function outcomeText({ interrupt, resumedRunId, openInterruptIds }: ResolveInterruptResponse): string {
  const id = interrupt?.interrupt?.id ?? "";
  const state = interrupt ? stateName(interrupt) : "";
  const then =
    resumedRunId !== ""
      ? `the run ${resumedRunId} goes on`
      : openInterruptIds.length > 0
        ? `the run waits for ${openInterruptIds.join(", ")}`
        : "no run goes on";
  return `${id} is ${state}; ${then}.`;
}

function shorten(text: string): string {
  const oneLine = text.replace(/\s+/g, " ");
  return oneLine.length > 120 ? `${oneLine.slice(0, 119)}…` : oneLine;
}
