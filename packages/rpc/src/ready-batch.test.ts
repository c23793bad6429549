import { create, toBinary } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { EventBatch, FrameEncoder } from "@dragoman/agui";
import { RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { expect, test } from "vitest";
import { batchOf, readyBatches, readyItem } from "./index.ts";

const frames = new FrameEncoder();
frames.append(1, { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a" });
const batch = new EventBatch("log", frames.take());

test("an element carries its batch through the handler chain and is an empty message otherwise", () => {
  const item = readyItem(RunAgentResponseSchema, batch, { logId: "log" });
  const normalized = create(RunAgentResponseSchema, item);
  expect(batchOf(normalized)).toEqual({ batch, logId: "log" });
  expect(batchOf(readyItem(RunAgentResponseSchema, batch))).toEqual({ batch, logId: undefined });
  expect(toBinary(RunAgentResponseSchema, item)).toHaveLength(0);
  expect(batchOf(create(RunAgentResponseSchema))).toBeUndefined();
});

test("ready batches are off unless a protocol handler turns them on", () => {
  expect(createContextValues().get(readyBatches)).toBe(false);
});
