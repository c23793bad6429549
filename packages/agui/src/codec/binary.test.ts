import { decode as stockDecode, encode as stockEncode } from "@ag-ui/proto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import { describe, expect, test } from "vitest";
import { eventCases } from "../../test/schema-cases.ts";
import type { AguiEvent } from "../types.ts";
import { decodeEvent, encodeEvent } from "./binary.ts";
import { EVENT_SHAPES } from "./event-shapes.ts";

const stock = (event: AguiEvent): Uint8Array => stockEncode(event as never);
const byType = Map.groupBy(eventCases(), (event) => event.type);

test("the cases cover all types of events", () => {
  expect([...byType.keys()].sort()).toEqual([...EVENT_SHAPES.keys()].sort());
});

describe.each([...byType])("%s", (_type, events) => {
  test("has the bytes of @ag-ui/proto", () => {
    for (const event of events) {
      expect(Buffer.from(encodeEvent(event)), JSON.stringify(event)).toEqual(Buffer.from(stock(event)));
    }
  });

  test("is read as @ag-ui/proto reads it, both ways", () => {
    for (const event of events) {
      const expected = stockDecode(stock(event));
      expect(decodeEvent(stock(event))).toEqual(expected);
      expect(stockDecode(encodeEvent(event))).toEqual(expected);
    }
  });

  test("is one message for protobuf-es, without unknown fields", () => {
    for (const event of events) {
      const bytes = encodeEvent(event);
      const message = fromBinary(EventSchema, bytes, { readUnknownFields: false });
      expect(decodeEvent(toBinary(EventSchema, message))).toEqual(decodeEvent(bytes));
    }
  });
});
