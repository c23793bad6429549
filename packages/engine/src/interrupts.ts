import type { Interrupt, ResumeEntry } from "@dragoman/agui";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { InterruptInfo } from "./entries.ts";
import { EngineError, quote } from "./errors.ts";

/** What the answers of an input mean for the open interrupts of a session. */
export interface ResolvedInterrupts {
  /** Answers to open interrupts that this run decides. */
  readonly decided: readonly { readonly info: InterruptInfo; readonly answer: ResumeEntry }[];
  /** What stays open; if any, the agent is not called. */
  readonly remaining: readonly InterruptInfo[];
  /** What the agent is given as `resume`: all answers to the run that was interrupted, and unknown ones. */
  readonly resume: readonly ResumeEntry[];
}

/**
 * Meets the answers of an input with what is open. Nothing is decided by it: a rejected answer leaves its
 * interrupt open.
 *
 * @param open what waits for an answer
 * @param earlier answers to interrupts of the same run that were decided before
 * @param findDecided looks for a decided interrupt of an id that is not open
 */
export function resolveInterrupts(
  open: readonly InterruptInfo[],
  earlier: readonly ResumeEntry[],
  answers: readonly ResumeEntry[],
  cancelRest: boolean,
  nowMs: number,
  findDecided: (interruptId: string) => InterruptInfo | undefined,
): ResolvedInterrupts {
  const decided: { info: InterruptInfo; answer: ResumeEntry }[] = [];
  const unknown: ResumeEntry[] = [];
  const answered = new Set<string>();
  for (const answer of answers) {
    if (answered.has(answer.interruptId)) throw answeredTwice(answer.interruptId);
    answered.add(answer.interruptId);
    const info = open.find((one) => one.interrupt.id === answer.interruptId);
    if (info) {
      checkAnswer(info.interrupt, answer, nowMs);
      decided.push({ info, answer });
      continue;
    }
    const before = findDecided(answer.interruptId);
    if (before) throw alreadyDecided(before);
    unknown.push(answer);
  }
  const rest = open.filter((one) => !answered.has(one.interrupt.id));
  if (cancelRest) {
    for (const info of rest)
      decided.push({ info, answer: { interruptId: info.interrupt.id, status: "cancelled" } });
  }
  const remaining = cancelRest ? [] : rest;
  const resume = [...earlier, ...decided.map((one) => one.answer), ...unknown];
  return { decided, remaining, resume };
}

/** Whether an interrupt's time is over. */
export function isExpired(interrupt: Interrupt, nowMs: number): boolean {
  if (interrupt.expiresAt === undefined) return false;
  const time = Date.parse(interrupt.expiresAt);
  return Number.isFinite(time) && time <= nowMs;
}

/** Throws if an answer is not acceptable; the interrupt then stays open. */
export function checkAnswer(interrupt: Interrupt, answer: ResumeEntry, nowMs: number): void {
  if (answer.status === "cancelled") return;
  if (isExpired(interrupt, nowMs)) {
    throw new EngineError(
      "INTERRUPT_EXPIRED",
      `the interrupt ${quote(interrupt.id)} expired at ${interrupt.expiresAt}; it can only be answered as cancelled`,
      { interrupt_id: interrupt.id, expire_time: interrupt.expiresAt ?? "" },
    );
  }
  if (interrupt.responseSchema !== undefined) checkPayload(interrupt, answer.payload);
}

function checkPayload(interrupt: Interrupt, payload: unknown): void {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateSchema: false });
  formats.default(ajv);
  const schema = interrupt.responseSchema ?? {};
  let errors: readonly ErrorObject[] | null | undefined;
  try {
    const { $schema: _ignored, ...rest } = schema as { $schema?: unknown };
    const validate = ajv.compile(rest);
    if (validate(payload)) return;
    errors = validate.errors;
  } catch {
    return; // a schema that cannot be used restricts nothing; the agent judges the answer
  }
  const list = (errors ?? []).map(
    (error) => `${error.instancePath || "/"} ${error.message ?? "is not valid"}`,
  );
  throw new EngineError(
    "INVALID_INTERRUPT_PAYLOAD",
    `the answer to ${quote(interrupt.id)} does not match its response schema: ${list.join("; ")}`,
    { interrupt_id: interrupt.id, path: errors?.[0]?.instancePath ?? "" },
  );
}

function answeredTwice(interruptId: string): EngineError {
  return new EngineError(
    "INVALID_INPUT",
    `resume answers the interrupt ${quote(interruptId)} more than once`,
    {
      path: "/resume",
    },
  );
}

function alreadyDecided(info: InterruptInfo): EngineError {
  const status = info.answer?.status ?? "";
  return new EngineError(
    "INTERRUPT_DECIDED",
    `the interrupt ${quote(info.interrupt.id)} was already answered (${status}) by run ${quote(info.decidedByRunId ?? "")}`,
    { interrupt_id: info.interrupt.id, status, run_id: info.decidedByRunId ?? "" },
  );
}
