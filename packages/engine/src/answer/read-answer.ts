import { decodeEvent, readFrames } from "@dragoman/agui";
import type { Attachment } from "../attachment.ts";
import type { RunInfo } from "../entries.ts";
import { EngineError, limitReached, quote } from "../errors.ts";
import { type Answer, sumUsage } from "./answer.ts";
import { AnswerFold } from "./answer-fold.ts";

/** How a run stands in the catalog, for one that ended without a terminal event. */
export type RunSource = () => Promise<RunInfo>;

/** Reads a run to its end and returns its answer. Rejects with RUN_FAILED, or LIMIT_REACHED if it is too long. */
export async function readAnswer(
  attachment: Attachment,
  maxBytes: number,
  getRun: RunSource,
): Promise<Answer> {
  const fold = new AnswerFold(maxBytes);
  for (;;) {
    const result = await attachment.next();
    if (result === "end") return answerOf(fold, attachment, maxBytes, getRun);
    if (result === "idle") continue;
    const { frames } = result.batch;
    readFrames(frames, ({ start, end, json }) => {
      if (!json) fold.push(decodeEvent(frames, start, end));
    });
  }
}

/** What a run came to that was read to its end. */
export async function answerOf(
  fold: AnswerFold,
  { sessionId, runId }: Pick<Attachment, "sessionId" | "runId">,
  maxBytes: number,
  getRun: RunSource,
): Promise<Answer> {
  const { terminal, content } = fold;
  // A run that waited and never began, or one that a closing engine gave up, has no terminal event.
  if (terminal === undefined) throw runFailed(sessionId, runId, await getRun());
  if (terminal.type === "RUN_ERROR") {
    throw runFailed(sessionId, runId, { errorCode: terminal.code ?? "", errorMessage: terminal.message });
  }
  if (content === undefined) {
    throw limitReached(
      "answerMaxBytes",
      maxBytes,
      `the answer of run ${quote(runId)} is too long for one message: read its events`,
    );
  }
  const { outcome, usage } = terminal;
  const interrupts = outcome?.type === "interrupt" ? outcome.interrupts : [];
  const outcomes = { success: "success", interrupt: "interrupted", cancelled: "cancelled" } as const;
  return {
    sessionId,
    runId,
    outcome: outcomes[outcome?.type ?? "success"],
    content,
    interruptIds: interrupts.map(({ id }) => id),
    usage: sumUsage(usage),
  };
}

/** How much of an agent's code and message an error of a call says: it has to fit into headers. */
const codeMaxLength = 128;
const messageMaxLength = 512;

function runFailed(
  sessionId: string,
  runId: string,
  { errorCode = "", errorMessage }: Pick<RunInfo, "errorCode" | "errorMessage">,
): EngineError {
  const code = shortened(errorCode, codeMaxLength);
  const said = shortened(errorMessage || "it ended without saying why", messageMaxLength);
  return new EngineError(
    "RUN_FAILED",
    `the run ${quote(runId)} failed${code === "" ? "" : ` (${code})`}: ${said}`,
    { session_id: sessionId, run_id: runId, code },
  );
}

function shortened(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  // Half of a surrogate pair has no UTF-8 form.
  return `${text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, "")}…`;
}
