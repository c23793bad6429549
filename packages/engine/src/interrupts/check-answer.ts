import type { Interrupt, JsonObject, ResumeEntry, Tool } from "@dragoman/agui";
import type { InterruptInfo } from "../entries.ts";
import { EngineError, quote } from "../errors.ts";
import { sameJson } from "../fingerprint.ts";
import type { TimeBox } from "../tools/time-box.ts";
import { listProblems, schemaProblems } from "./json-schema.ts";

/** Whether an interrupt's time is over. */
export function isExpired(interrupt: Interrupt, nowMs: number): boolean {
  const time = expireTimeOf(interrupt);
  return time !== undefined && time <= nowMs;
}

/** The times that google.protobuf.Timestamp has. One beyond them could not be shown to anybody. */
const firstTime = Date.parse("0001-01-01T00:00:00Z");
const lastTime = Date.parse("9999-12-31T23:59:59.999Z");

/** Until when an interrupt may be answered; undefined where it does not expire, or nobody can tell when. */
export function expireTimeOf({ expiresAt }: Interrupt): number | undefined {
  const time = expiresAt === undefined ? Number.NaN : Date.parse(expiresAt);
  return Number.isFinite(time) ? Math.min(Math.max(time, firstTime), lastTime) : undefined;
}

/** Whether two answers say the same. Who gave them, and what else goes with them, does not count. */
export function sameAnswer(a: ResumeEntry, b: ResumeEntry): boolean {
  return a.status === b.status && (a.status === "cancelled" || sameJson(a.payload, b.payload));
}

/** What answers are checked with. */
export interface AnswerChecks {
  /** Those that the agent may have called: edited arguments are checked where the tool is among them. */
  readonly tools: readonly Tool[];
  readonly nowMs: number;
  /** For schemas, which may take for ever. */
  readonly inTime: TimeBox;
}

/** Throws if an answer is not acceptable; the interrupt then stays open. */
export function checkAnswer(info: InterruptInfo, answer: ResumeEntry, checks: AnswerChecks): void {
  const { interrupt } = info;
  if (answer.status === "cancelled") return;
  if (isExpired(interrupt, checks.nowMs)) {
    throw new EngineError(
      "INTERRUPT_EXPIRED",
      `the interrupt ${quote(interrupt.id)} expired at ${interrupt.expiresAt}; it can only be answered as cancelled`,
      { interrupt_id: interrupt.id, expire_time: interrupt.expiresAt ?? "" },
    );
  }
  checkPayload(interrupt, answer.payload, checks);
  checkEditedArguments(info, answer.payload, checks);
}

function checkPayload(interrupt: Interrupt, payload: unknown, { inTime }: AnswerChecks): void {
  const problems = schemaProblems(interrupt.responseSchema ?? {}, payload, inTime);
  if (problems.length === 0) return;
  throw invalidPayload(
    interrupt,
    problems[0]?.path ?? "",
    `the answer to ${quote(interrupt.id)} does not match its response schema: ${listProblems(problems)}`,
  );
}

/** Arguments that somebody edited must be ones that the tool takes: an agent may call it with them as they are. */
function checkEditedArguments(
  { interrupt, toolName }: InterruptInfo,
  payload: unknown,
  { tools, inTime }: AnswerChecks,
): void {
  const edited = editedArgumentsOf(payload);
  if (edited === undefined) return;
  if (interrupt.toolCallId === undefined) {
    const message = `the interrupt ${quote(interrupt.id)} is about no tool call, so there are no arguments to edit`;
    throw invalidPayload(interrupt, "/editedArgs", message);
  }
  const tool = tools.find(({ name }) => name === toolName);
  const { parameters } = tool ?? {};
  if (parameters === null || typeof parameters !== "object") return;
  const problems = schemaProblems(parameters, edited, inTime);
  if (problems.length === 0) return;
  throw invalidPayload(
    interrupt,
    `/editedArgs${problems[0]?.path ?? ""}`,
    `the edited arguments do not match the schema of the tool ${quote(toolName ?? "")}: ${listProblems(problems)}`,
  );
}

function editedArgumentsOf(payload: unknown): unknown {
  if (payload === null || typeof payload !== "object" || Array.isArray(payload)) return undefined;
  const { approved, editedArgs } = payload as JsonObject;
  return approved === true && editedArgs !== null ? editedArgs : undefined;
}

function invalidPayload({ id }: Interrupt, path: string, message: string): EngineError {
  return new EngineError("INVALID_INTERRUPT_PAYLOAD", message, { interrupt_id: id, path });
}
