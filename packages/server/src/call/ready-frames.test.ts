import { EventBatch, FrameEncoder } from "@dragoman/agui";
import { type RunAgentResponse, RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { errorInfoOf } from "@dragoman/rpc";
import { expect, test } from "vitest";
import { framedMessages, sendableFrames } from "./ready-frames.ts";

/** A batch of text deltas from sequence 7 on; `json` are the places of events that have only a JSON form. */
function batch(texts: readonly string[], json: readonly number[] = []): EventBatch {
  const frames = new FrameEncoder();
  for (const [index, delta] of texts.entries()) {
    if (json.includes(index)) {
      frames.appendJson(7 + index, '{"type":"NEW"}');
    } else {
      frames.append(7 + index, { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta });
    }
  }
  return new EventBatch("log-7", frames.take());
}

function messages(pieces: readonly Uint8Array[]): RunAgentResponse[] {
  return pieces.flatMap((piece) => [...framedMessages(RunAgentResponseSchema, piece)]);
}

const summary = ({ sequence, logId, item }: RunAgentResponse) => [Number(sequence), logId, item.case];

test("the frames of a batch are sent as they are, not copied", () => {
  const given = batch(["a", "b"]);
  const { pieces, error } = sendableFrames({ batch: given, logId: undefined });
  expect(pieces).toHaveLength(1);
  expect(pieces[0]).toBe(given.frames);
  expect(error).toBeUndefined();
});

test.each([1, 100, 127, 128, 16_384, 70_000])(
  "the first event of %i characters carries the log id",
  (length) => {
    const given = batch(["x".repeat(length), "b", "c"]);
    const before = Buffer.from(given.frames);
    const { pieces } = sendableFrames({ batch: given, logId: "log-7" });
    expect(messages(pieces).map(summary)).toEqual([
      [7, "log-7", "event"],
      [8, "", "event"],
      [9, "", "event"],
    ]);
    expect(Buffer.from(given.frames).equals(before)).toBe(true);
    expect(pieces[1]?.buffer).toBe(given.frames.buffer);
  },
);

test("a batch of one event is one piece, an empty batch none", () => {
  expect(sendableFrames({ batch: batch(["a"]), logId: "log-7" }).pieces).toHaveLength(1);
  expect(sendableFrames({ batch: batch([]), logId: "log-7" }).pieces).toEqual([]);
});

test.each([
  [0, []],
  [1, [7]],
  [2, [7, 8]],
])("what comes before an event without binary form at %i is sent, then an error", (place, sequences) => {
  for (const logId of ["log-7", undefined]) {
    const { pieces, error } = sendableFrames({ batch: batch(["a", "b", "c"], [place]), logId });
    expect(messages(pieces).map(({ sequence }) => Number(sequence))).toEqual(sequences);
    expect(errorInfoOf(error)).toMatchObject({
      reason: "EVENT_ONLY_JSON",
      metadata: { sequence: String(7 + place) },
    });
  }
});
