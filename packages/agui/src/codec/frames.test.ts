import { fromBinary } from "@bufbuild/protobuf";
import { RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { describe, expect, test } from "vitest";
import { eventCases } from "../../test/schema-cases.ts";
import { eventToMessage } from "../json/event-message.ts";
import type { AguiEvent } from "../types.ts";
import { decodeEvent, encodeEvent } from "./binary.ts";
import { InvalidEventError, MalformedEventError } from "./errors.ts";
import { type Frame, FrameEncoder, readFrames } from "./frames.ts";

const delta = (text: string): AguiEvent => ({ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: text });

function framesOf(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  readFrames(bytes, (frame) => frames.push({ ...frame }));
  return frames;
}

/** What a reader of an RPC wire does with the bytes of a stream. */
function* messagesOf(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; ) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint32(1);
    yield { flags: view.getUint8(0), message: bytes.subarray(at + 5, at + 5 + length) };
    at += 5 + length;
  }
}

describe("frames", () => {
  test("are stream items of the contract, each in its envelope", () => {
    const encoder = new FrameEncoder();
    const events = eventCases();
    const sequences = events.map((_, index) => index * 3 + 1);
    for (const [index, event] of events.entries()) encoder.append(sequences[index]!, event);
    const items = [...messagesOf(encoder.take())].map(({ flags, message }) => {
      expect(flags).toBe(0);
      return fromBinary(RunAgentResponseSchema, message, { readUnknownFields: false });
    });
    expect(items.map((item) => Number(item.sequence))).toEqual(sequences);
    for (const [index, { item }] of items.entries()) {
      expect(item).toEqual({ case: "event", value: eventToMessage(events[index]!) });
    }
  });

  test("are found again, with the bytes of their events", () => {
    const encoder = new FrameEncoder();
    const sequences = [1, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const events = sequences.map((_, index) => delta("x".repeat(1 + index * 30)));
    for (const [index, event] of events.entries()) encoder.append(sequences[index]!, event);
    const bytes = encoder.take();
    const frames = framesOf(bytes);
    expect(frames.map(({ sequence }) => sequence)).toEqual(sequences);
    expect(frames.map(({ start, end }) => decodeEvent(bytes, start, end))).toEqual(events);
    expect(frames.map(({ frameStart }) => frameStart)).toEqual([
      0,
      ...frames.slice(0, -1).map(({ end }) => end),
    ]);
  });

  test("take events that are encoded already, as they are", () => {
    const events = eventCases().slice(0, 200);
    const [encoder, other] = [new FrameEncoder(), new FrameEncoder()];
    for (const [index, event] of events.entries()) {
      encoder.append(index + 1, event);
      other.appendEncoded(index + 1, encodeEvent(event));
    }
    expect(other.take()).toEqual(encoder.take());
  });

  test("of events that have only a JSON form are marked, and hold their text on one line", () => {
    const encoder = new FrameEncoder();
    encoder.appendJson(7, '{"type":\r\n"LATER",\n"text":"żółw\\n"}');
    const bytes = encoder.take();
    expect(bytes[0]).toBe(0x40);
    const [frame] = framesOf(bytes);
    expect(frame).toMatchObject({ sequence: 7, json: true, end: bytes.length });
    const text = new TextDecoder().decode(bytes.subarray(frame!.start, frame!.end));
    expect(text).not.toContain("\n");
    expect(JSON.parse(text)).toEqual({ type: "LATER", text: "żółw\n" });
  });

  test("of very long events are whole", () => {
    const encoder = new FrameEncoder();
    const event: AguiEvent = { type: "CUSTOM", name: "n", value: "long ".repeat(1_000_000) };
    encoder.append(1, delta("before"));
    encoder.append(2, event);
    encoder.append(3, delta("after"));
    const bytes = encoder.take();
    expect(framesOf(bytes).map(({ start, end }) => decodeEvent(bytes, start, end))).toEqual([
      delta("before"),
      event,
      delta("after"),
    ]);
  });
});

describe("an encoder", () => {
  test("adds nothing for an event that cannot be encoded", () => {
    const encoder = new FrameEncoder();
    encoder.append(1, delta("a"));
    const pending = encoder.pendingBytes;
    const value = [{ deep: 1n }, "x".repeat(5000)];
    expect(() => encoder.append(2, { type: "CUSTOM", name: "n", value })).toThrow(InvalidEventError);
    expect(encoder.pendingBytes).toBe(pending);
    encoder.append(2, delta("b"));
    expect(framesOf(encoder.take()).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test("never writes again to what was taken", () => {
    const encoder = new FrameEncoder();
    encoder.append(1, delta("first"));
    const first = encoder.take();
    const copy = Uint8Array.from(first);
    expect(encoder.pendingBytes).toBe(0);
    encoder.append(2, delta("second"));
    encoder.take();
    expect(first).toEqual(copy);
    expect(encoder.take()).toEqual(new Uint8Array());
  });
});

describe("bytes that are not frames", () => {
  const encoder = new FrameEncoder();
  encoder.append(300, delta("text"));
  encoder.append(301, delta("text"));
  const good = encoder.take();

  test("are malformed wherever they are cut", () => {
    const boundary = framesOf(good)[0]!.end;
    for (let length = 1; length < good.length; length++) {
      if (length === boundary) continue;
      expect(() => framesOf(good.subarray(0, length))).toThrow(MalformedEventError);
    }
  });

  test.each([
    ["no sequence", [0, 0, 0, 0, 2, 0x1a, 0]],
    ["no event", [0, 0, 0, 0, 2, 0x08, 1]],
    ["a heartbeat", [0, 0, 0, 0, 4, 0x08, 1, 0x22, 0]],
    ["JSON without its flag", [0, 0, 0, 0, 4, 0x08, 1, 0x7a, 0]],
    ["an event that ends before the frame", [0, 0, 0, 0, 5, 0x08, 1, 0x1a, 0, 0]],
    ["a sequence that does not end", [0, 0, 0, 0, 11, 0x08, ...new Array(10).fill(0xff)]],
    ["a length of all that follows and more", [0, 0xff, 0xff, 0xff, 0xff, 0x08, 1, 0x1a, 0]],
  ])("%s is malformed", (_what, bytes) => {
    expect(() => framesOf(Uint8Array.from(bytes))).toThrow(MalformedEventError);
  });
});
