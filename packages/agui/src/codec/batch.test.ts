import { decode as stockDecode } from "@ag-ui/proto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterBinary, anyEvent, eventCases } from "../../test/schema-cases.ts";
import type { AguiEvent } from "../types.ts";
import { EventBatch } from "./batch.ts";
import { decodeEvent, encodeEvent } from "./binary.ts";
import { MalformedEventError } from "./errors.ts";
import { FrameEncoder } from "./frames.ts";

const delta = (text: string, messageId = "m"): AguiEvent => ({
  type: "TEXT_MESSAGE_CONTENT",
  messageId,
  delta: text,
});

function batchOf(events: readonly AguiEvent[], firstSequence = 1): EventBatch {
  const encoder = new FrameEncoder();
  for (const [index, event] of events.entries()) encoder.append(firstSequence + index, event);
  return new EventBatch("log", encoder.take());
}

/** Reads server-sent events as AG-UI's clients do: blocks between empty lines, of fields. */
function readSse(bytes: Uint8Array): { id: string; data: unknown }[] {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  expect(text === "" || text.endsWith("\n\n")).toBe(true);
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((block) => {
      const [id, data, ...rest] = block.split("\n");
      expect(rest).toEqual([]);
      return { id: id!.slice("id: ".length), data: JSON.parse(data!.slice("data: ".length)) as unknown };
    });
}

function readBinary(bytes: Uint8Array): Uint8Array[] {
  const events: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
    events.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return events;
}

describe("a batch", () => {
  const events = eventCases();
  const batch = batchOf(events, 99);

  test("knows its place and gives its events", () => {
    expect(batch).toMatchObject({
      logId: "log",
      firstSequence: 99,
      lastSequence: 98 + events.length,
      hasJsonOnly: false,
    });
    expect(batch.events()).toEqual(events.map((event) => decodeEvent(encodeEvent(event))));
  });

  test("believes what is known about it", () => {
    const known = { firstSequence: 5, lastSequence: 6, hasJsonOnly: true };
    expect(new EventBatch("log", new Uint8Array(), known)).toMatchObject(known);
  });

  test("gives server-sent events, made once", () => {
    const read = readSse(batch.sse());
    expect(read.map(({ id }) => id)).toEqual(events.map((_, index) => `log:${99 + index}`));
    expect(read.map(({ data }) => data)).toEqual(
      events.map((event) => JSON.parse(JSON.stringify(decodeEvent(encodeEvent(event))))),
    );
    expect(batch.sse()).toBe(batch.sse());
  });

  test("writes the type of an event first", () => {
    for (const line of new TextDecoder().decode(batch.sse()).split("\n")) {
      if (line.startsWith("data: ")) expect(line.startsWith('data: {"type":"')).toBe(true);
    }
  });

  test("gives AG-UI's binary framing, made once", () => {
    expect(readBinary(batch.binary()).map((bytes) => stockDecode(bytes))).toEqual(batch.events());
    expect(batch.binary()).toBe(batch.binary());
  });

  test("that is empty is nothing on every wire", () => {
    const empty = batchOf([]);
    expect(empty).toMatchObject({ firstSequence: 0, lastSequence: 0, hasJsonOnly: false });
    expect([empty.sse().length, empty.binary().length, empty.events().length]).toEqual([0, 0, 0]);
    expect(empty.after(0)).toMatchObject({ firstSequence: 0 });
  });

  test("is refused if its bytes are no frames", () => {
    expect(() => new EventBatch("log", new Uint8Array(3))).toThrow(MalformedEventError);
  });
});

describe("the text of deltas", () => {
  test("is escaped as JSON wants it, whatever it is", () => {
    const texts = Array.from({ length: 0x120 }, (_, code) => `a${String.fromCodePoint(code)}b`);
    const ids = ["m", 'quoted "m"', "żółw", "m"];
    const events = [...texts, "🐢", "\u2028", "x".repeat(200)].flatMap((text) =>
      ids.map((id) => delta(text, id)),
    );
    expect(readSse(batchOf(events).sse()).map(({ data }) => data)).toEqual(events);
  });

  test("any event comes through", () => {
    fc.assert(
      fc.property(fc.array(anyEvent(), { maxLength: 5 }), fc.nat(), (events, first) => {
        const read = readSse(batchOf(events, first + 1).sse());
        expect(read).toEqual(
          events.map((event, index) => ({
            id: `log:${first + 1 + index}`,
            data: JSON.parse(JSON.stringify(afterBinary(event))),
          })),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("what comes after a sequence", () => {
  const batch = batchOf(
    ["a", "b", "c"].map((text) => delta(text)),
    10,
  );

  test("is the batch itself if that is before it", () => {
    expect(batch.after(9)).toBe(batch);
    expect(batch.after(0)).toBe(batch);
  });

  test("is what is left of it", () => {
    expect(batch.after(10)).toMatchObject({ logId: "log", firstSequence: 11, lastSequence: 12 });
    expect(batch.after(10).events()).toEqual([delta("b"), delta("c")]);
    expect(readSse(batch.after(11).sse())).toEqual([{ id: "log:12", data: delta("c") }]);
  });

  test("is nothing if that is its end", () => {
    expect(batch.after(12).events()).toEqual([]);
    expect(batch.after(100).events()).toEqual([]);
  });
});

describe("an event that has only a JSON form", () => {
  const later = { type: "LATER", text: "żółw" };
  const encoder = new FrameEncoder();
  encoder.append(1, delta("a"));
  encoder.appendJson(2, JSON.stringify(later));
  encoder.append(3, delta("b"));
  const batch = new EventBatch("log", encoder.take());

  test("is announced, and left out of binary", () => {
    expect(batch.hasJsonOnly).toBe(true);
    expect(readBinary(batch.binary()).map((bytes) => decodeEvent(bytes))).toEqual([delta("a"), delta("b")]);
  });

  test("goes as it is where JSON goes", () => {
    expect(readSse(batch.sse()).map(({ data }) => data)).toEqual([delta("a"), later, delta("b")]);
    expect(batch.events()).toEqual([delta("a"), later, delta("b")]);
  });

  test("is no matter once it is past", () => {
    expect(batch.after(1).hasJsonOnly).toBe(true);
    expect(batch.after(2).hasJsonOnly).toBe(false);
  });
});
