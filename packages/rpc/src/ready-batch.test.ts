import { create, toBinary } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { expect, test } from "vitest";
import { batchOf, type ReadyBatch, readyBatches, readyItem } from "./index.ts";

const batch: ReadyBatch = {
  logId: "log",
  firstSequence: 1,
  lastSequence: 2,
  frames: new Uint8Array(3),
  hasJsonOnly: false,
  sse: () => new Uint8Array(),
  binary: () => new Uint8Array(),
};

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
