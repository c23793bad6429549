import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { EnvelopeReader, envelope } from "./envelope-reader.ts";

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function readInPieces(bytes: Uint8Array, size: number, maxMessageBytes = 1 << 20) {
  const reader = new EnvelopeReader(maxMessageBytes);
  const messages: { text: string; flags: number }[] = [];
  for (let offset = 0; offset < bytes.length; offset += size) {
    reader.push(bytes.subarray(offset, offset + size), (data, start, end, flags) =>
      messages.push({ text: Buffer.from(data.subarray(start, end)).toString(), flags }),
    );
  }
  return { messages, reader };
}

describe("EnvelopeReader", () => {
  const texts = ["a", "", "hello", "x".repeat(300), "y".repeat(70_000), "z"];
  const stream = concat(...texts.map((text) => envelope(Buffer.from(text))));

  it.each([1, 2, 3, 4, 5, 6, 7, 64, 1000, 65_536, 1_000_000])("reads the same in chunks of %d", (size) => {
    const { messages, reader } = readInPieces(stream, size);
    expect(messages.map((message) => message.text)).toEqual(texts);
    expect(reader.incomplete).toBe(false);
  });

  it("passes the flags on", () => {
    const end = envelope(Buffer.from("end"));
    end[0] = 0x80;
    const { messages } = readInPieces(concat(envelope(Buffer.from("a")), end), 3);
    expect(messages).toEqual([
      { text: "a", flags: 0 },
      { text: "end", flags: 0x80 },
    ]);
  });

  it("says that an envelope is incomplete", () => {
    expect(readInPieces(stream.subarray(0, stream.length - 1), 1000).reader.incomplete).toBe(true);
    expect(readInPieces(stream.subarray(0, 3), 1000).reader.incomplete).toBe(true);
  });

  it("refuses a message over the limit before its bytes arrive", () => {
    const head = envelope(new Uint8Array(101)).subarray(0, 5);
    let error: unknown;
    try {
      readInPieces(head, 5, 100);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.ResourceExhausted);
    expect((error as ConnectError).rawMessage).toContain("101 bytes");
  });

  it("reads lengths above two gigabytes as what they are", () => {
    const head = Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff);
    expect(() => readInPieces(head, 5)).toThrow("4294967295 bytes");
  });
});
