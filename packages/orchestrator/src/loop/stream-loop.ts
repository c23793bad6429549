import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { decodeEvent, type EventBatch, readFrames } from "@dragoman/agui";
import {
  type RunAgentLoopStreamResponse,
  RunAgentLoopStreamResponseSchema,
} from "@dragoman/contract/agent/v1/agent_service_pb";
import {
  AnswerFold,
  type Attachment,
  answerOf,
  EngineError,
  type RunInfo,
  type StartedRun,
} from "@dragoman/engine";
import { toConnectError } from "../errors.ts";
import { answerMessage } from "./answer-message.ts";
import { type LoopItem, LoopToolCalls } from "./tool-calls.ts";

/** What the stream of a turn is made of. */
export interface LoopStreamOptions {
  /** How much text of the run may be held at once. */
  readonly maxBytes: number;
  /** How long the stream may be silent before it says that the connection is alive. */
  readonly heartbeatMs: number;
  readonly getRun: (attachment: Attachment) => Promise<RunInfo>;
}

/** Streams one turn: what session it is, what the agent says and calls, and what it came to. */
export async function* streamLoop(
  open: () => Promise<StartedRun>,
  options: LoopStreamOptions,
): AsyncGenerator<RunAgentLoopStreamResponse> {
  let attachment: Attachment | undefined;
  try {
    const started = await open();
    attachment = started.attachment;
    const { sessionId, runId } = attachment;
    yield item({ case: "sessionResolved", value: { sessionId, runId, created: started.created } });
    yield* turn(attachment, started.joined, options);
  } catch (error) {
    throw toConnectError(error);
  } finally {
    attachment?.close();
  }
}

async function* turn(
  attachment: Attachment,
  joined: boolean,
  { maxBytes, heartbeatMs, getRun }: LoopStreamOptions,
): AsyncGenerator<RunAgentLoopStreamResponse> {
  let saidAt = performance.now();
  const fold = new AnswerFold(maxBytes);
  const calls = new LoopToolCalls(maxBytes);
  for (;;) {
    const wasAtHead = attachment.isAtHead;
    const result = await attachment.next();
    if (result === "end") break;
    // What was there before it was asked for did not happen now, and neither did what is read late.
    const nowMs = (joined ? wasAtHead : attachment.isAtHead) ? Date.now() : undefined;
    const items = result === "idle" ? [] : itemsOf(result.batch, fold, calls, nowMs);
    // A run that does only what is left out is a silence too.
    if (result === "idle" || (items.length === 0 && performance.now() - saidAt >= heartbeatMs))
      items.push(heartbeat(attachment));
    if (items.length === 0) continue;
    for (const one of items) yield item(one);
    saidAt = performance.now();
  }
  yield item(await endOf(fold, attachment, maxBytes, () => getRun(attachment)));
}

/** What to say of a batch of events. */
function itemsOf(
  { frames }: EventBatch,
  fold: AnswerFold,
  calls: LoopToolCalls,
  nowMs: number | undefined,
): LoopItem[] {
  const items: LoopItem[] = [];
  readFrames(frames, ({ start, end, json }) => {
    if (json) return;
    const event = decodeEvent(frames, start, end);
    const delta = fold.push(event);
    const said: LoopItem | undefined = delta
      ? { case: "streamDelta", value: delta }
      : calls.push(event, nowMs);
    if (said) items.push(said);
  });
  return items;
}

/** How the turn ended. A run that failed is told in the stream, whose call did not. */
async function endOf(
  fold: AnswerFold,
  attachment: Attachment,
  maxBytes: number,
  getRun: () => Promise<RunInfo>,
): Promise<LoopItem> {
  try {
    return { case: "completed", value: answerMessage(await answerOf(fold, attachment, maxBytes, getRun)) };
  } catch (error) {
    if (!(error instanceof EngineError) || error.reason !== "RUN_FAILED") throw error;
    const { terminal } = fold;
    const { code = "", message } =
      terminal?.type === "RUN_ERROR" ? terminal : { code: error.metadata.code, message: error.message };
    return { case: "error", value: { code, message } };
  }
}

function heartbeat(attachment: Attachment): LoopItem {
  const headSequence = BigInt(attachment.cursor);
  return { case: "heartbeat", value: { headSequence, time: timestampFromMs(Date.now()) } };
}

function item(event: LoopItem): RunAgentLoopStreamResponse {
  return create(RunAgentLoopStreamResponseSchema, { event });
}
