import { create, type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { type EventBatch, eventToMessage, type Frame, readFrames } from "@dragoman/agui";
import type { RunAgentResponse } from "@dragoman/contract/agent/v1/agui_service_pb";
import { CaughtUpSchema, HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import type { Attachment } from "@dragoman/engine";
import { readyBatches, readyItem, reasonError } from "@dragoman/rpc";
import { toConnectError } from "./errors.ts";

/** The bytes of a frame before its message. */
const envelopeBytes = 5;

/**
 * Yields the items of an attached stream: the prelude, ready batches of events, heartbeats.
 *
 * The three streams of events share one layout (see agent.v1.RunAgentResponse), so this serves them all.
 * The first item carries the identity of the log. Where nothing is there to begin with, a heartbeat comes
 * first, so that the caller knows that it is attached. An idle session at its head gives nothing at all.
 */
export async function* attachStream<Desc extends DescMessage>(
  schema: Desc,
  context: HandlerContext,
  open: () => Promise<Attachment>,
): AsyncGenerator<MessageShape<Desc>> {
  let attachment: Attachment | undefined;
  try {
    attachment = await open();
    if (attachment.isAtIdleHead && attachment.endsWhenIdle) return;
    yield* attachmentItems(schema, context, attachment);
  } catch (error) {
    throw toConnectError(error);
  } finally {
    attachment?.close();
  }
}

/**
 * Yields the items of an attachment. Where it goes on a stream that something was sent on before (`isContinued`),
 * its first item carries no log, and silence needs no heartbeat at the beginning.
 */
export async function* attachmentItems<Desc extends DescMessage>(
  schema: Desc,
  context: HandlerContext,
  attachment: Attachment,
  isContinued = false,
): AsyncGenerator<MessageShape<Desc>> {
  const takesBatches = context.values.get(readyBatches);
  let logId: string | undefined = isContinued ? undefined : attachment.logId;
  const item = (fields: ItemInit): MessageShape<Desc> => {
    const message = create(schema, { ...fields, ...(logId !== undefined && { logId }) } as never);
    logId = undefined;
    return message;
  };
  if (attachment.prelude) {
    for (const event of attachment.prelude.events)
      yield item({ item: { case: "event", value: eventToMessage(event) } });
    const sequence = BigInt(attachment.prelude.sequence);
    yield item({ item: { case: "caughtUp", value: create(CaughtUpSchema, { sequence }) } });
  } else if (attachment.isAtHead && !isContinued) {
    yield item(heartbeat(attachment));
  }
  for (;;) {
    const result = await attachment.next();
    if (result === "end") return;
    if (result === "idle") {
      yield item(heartbeat(attachment));
      continue;
    }
    const { batch } = result;
    if (takesBatches && (!batch.hasJsonOnly || context.protocolName === "sse")) {
      yield readyItem(schema, batch, logId === undefined ? {} : { logId });
      logId = undefined;
      continue;
    }
    for (const message of messagesOf(schema, batch)) yield withLogId(message, logId);
    logId = undefined;
  }
}

type ItemInit = Pick<RunAgentResponse, "item"> & { sequence?: bigint };

function heartbeat(attachment: Attachment): ItemInit {
  const value = create(HeartbeatSchema, {
    headSequence: BigInt(attachment.cursor),
    time: timestampFromMs(Date.now()),
  });
  return { item: { case: "heartbeat", value } };
}

function withLogId<Desc extends DescMessage>(
  message: MessageShape<Desc>,
  logId: string | undefined,
): MessageShape<Desc> {
  return logId === undefined ? message : Object.assign(message, { logId });
}

/** The events of a batch one by one, for callers that take only messages. */
function* messagesOf<Desc extends DescMessage>(
  schema: Desc,
  batch: EventBatch,
): Generator<MessageShape<Desc>> {
  const places: Frame[] = [];
  readFrames(batch.frames, (frame) => places.push({ ...frame }));
  for (const { frameStart, end, json, sequence } of places) {
    if (json) throw onlyJson(sequence);
    yield fromBinary(schema, batch.frames.subarray(frameStart + envelopeBytes, end));
  }
}

function onlyJson(sequence: number) {
  return reasonError(
    Code.FailedPrecondition,
    "EVENT_ONLY_JSON",
    `the event ${sequence} has no binary form: read it over HTTP as server-sent events`,
    { metadata: { sequence: String(sequence) } },
  );
}
