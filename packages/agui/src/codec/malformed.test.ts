import { decode as stockDecode, encode as stockEncode } from "@ag-ui/proto";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { nestedLists, varint } from "../../test/nested-lists.ts";
import { eventCases } from "../../test/schema-cases.ts";
import type { AguiEvent } from "../types.ts";
import { decodeEvent } from "./binary.ts";
import { MalformedEventError, UnknownEventTypeError } from "./errors.ts";

const encoded = eventCases()
  .map((event) => stockEncode(event as never))
  .filter((bytes) => bytes.length < 400);

/** What decodeEvent makes of bytes. It may throw only its own errors. */
function ours(bytes: Uint8Array): AguiEvent | Error {
  try {
    return decodeEvent(bytes);
  } catch (error) {
    if (error instanceof MalformedEventError || error instanceof UnknownEventTypeError) return error;
    throw error;
  }
}

function theirs(bytes: Uint8Array): unknown {
  try {
    return stockDecode(bytes);
  } catch (error) {
    return error;
  }
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

describe("bytes that are cut off", () => {
  test("anywhere are malformed", () => {
    for (const bytes of encoded) {
      for (let length = 0; length < bytes.length; length++) {
        expect(ours(bytes.subarray(0, length))).toBeInstanceOf(MalformedEventError);
      }
    }
  });

  test("are not read past the end that was given", () => {
    for (const bytes of encoded) {
      const event = decodeEvent(bytes);
      const padded = new Uint8Array(bytes.length + 20).fill(0x0a);
      padded.set(bytes, 10);
      expect(decodeEvent(padded, 10, 10 + bytes.length)).toEqual(event);
      expect(() => decodeEvent(padded, 10, 9 + bytes.length)).toThrow(MalformedEventError);
    }
  });

  test("a range outside the bytes is refused", () => {
    expect(() => decodeEvent(new Uint8Array(4), 0, 5)).toThrow(RangeError);
    expect(() => decodeEvent(new Uint8Array(4), -1, 4)).toThrow(RangeError);
    expect(() => decodeEvent(new Uint8Array(4), 3, 2)).toThrow(RangeError);
  });
});

describe("bytes that were damaged", () => {
  const change = fc.record({
    kind: fc.constantFrom("replace", "insert", "remove"),
    at: fc.nat(),
    byte: fc.nat({ max: 255 }),
  });
  const damaged = fc
    .tuple(fc.constantFrom(...encoded), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([bytes, changes]) => changes.reduce(damage, bytes));

  function damage(
    bytes: Uint8Array,
    { kind, at, byte }: { kind: string; at: number; byte: number },
  ): Uint8Array {
    const place = at % (bytes.length + 1);
    const rest = bytes.subarray(kind === "insert" ? place : place + 1);
    return Uint8Array.from([...bytes.subarray(0, place), ...(kind === "remove" ? [] : [byte]), ...rest]);
  }

  test("give what @ag-ui/proto makes of them, or an error of ours", () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    fc.assert(
      fc.property(damaged, (bytes) => {
        const event = ours(bytes);
        if (event instanceof Error) return;
        const expected = theirs(bytes);
        expect(expected).not.toBeInstanceOf(Error);
        expect(JSON.parse(JSON.stringify(event))).toEqual(
          withoutStrays(JSON.parse(JSON.stringify(expected))),
        );
      }),
      { numRuns: 20_000 },
    );
  });

  test("are refused only if @ag-ui/proto refuses them too, or reads outside of a field", () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    let refused = 0;
    fc.assert(
      fc.property(damaged, (bytes) => {
        if (ours(bytes) instanceof Error && !(theirs(bytes) instanceof Error)) refused++;
      }),
      { numRuns: 20_000 },
    );
    expect(refused).toBeLessThan(20);
  });

  test("never stop the reader, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        ours(bytes);
      }),
      { numRuns: 20_000 },
    );
  });
});

/** Side arrays of an absent outcome, which stock keeps beside it and which mean nothing. */
function withoutStrays({
  pendingToolCallIds: _p,
  interrupts: _i,
  interruptIds: _s,
  ...event
}: AguiEvent & {
  pendingToolCallIds?: unknown;
  interrupts?: unknown;
  interruptIds?: unknown;
}): unknown {
  return event;
}

describe("of protobuf", () => {
  // STEP_STARTED { base event of type 14; step name "s" }
  const step = "7a 07 0a 02 08 0e 12 01 73";

  test("fields that are not known are skipped, whatever they hold", () => {
    const unknown = [
      "48 05",
      "49 0102030405060708",
      "4a 03 010203",
      "4b 4b 4c 10 01 4c",
      "4d 01020304",
      "f8 ff ff ff 0f 01",
    ];
    for (const field of unknown) {
      const length = (7 + field.replaceAll(" ", "").length / 2).toString(16).padStart(2, "0");
      const bytes = bytesOf(`7a ${length} 0a 02 08 0e 12 01 73 ${field}`);
      expect(decodeEvent(bytes)).toStrictEqual({ type: "STEP_STARTED", stepName: "s" });
    }
  });

  test("a known field of another wire type is not known", () => {
    expect(decodeEvent(bytesOf("7a 09 0a 02 08 0e 12 01 73 10 05"))).toStrictEqual({
      type: "STEP_STARTED",
      stepName: "s",
    });
  });

  test("text that is missing is empty, whatever else is there", () => {
    const base = "0a 02 08 0e";
    for (const field of ["", "10 05", "92 02 01 73", "12 00"]) {
      const length = (4 + field.replaceAll(" ", "").length / 2).toString(16).padStart(2, "0");
      expect(decodeEvent(bytesOf(`7a ${length} ${base} ${field}`))).toStrictEqual({
        type: "STEP_STARTED",
        stepName: "",
      });
    }
  });

  test("the last of several scalars and all of several messages count", () => {
    expect(decodeEvent(bytesOf("7a 0e 12 01 61 0a 02 08 03 0a 02 08 0e 12 01 73"))).toStrictEqual({
      type: "STEP_STARTED",
      stepName: "s",
    });
    expect(decodeEvent(bytesOf(`${step} 7a 05 0a 03 10 90 4e`))).toStrictEqual({
      type: "STEP_STARTED",
      timestamp: 10_000,
      stepName: "s",
    });
  });

  test.each([
    ["nothing", ""],
    ["two events", `${step} 82 01 02 0a 00`],
    ["an event without base event", "7a 03 12 01 73"],
    ["a base event of another type", "7a 07 0a 02 08 0f 12 01 73"],
    ["field number 0", "02 00"],
    ["a group that does not end", "4b 08 01"],
    ["a group that ends another", "4b 54"],
    ["the end of no group", "4c"],
    ["wire type 6", "4e"],
    ["a length beyond 32 bits", "7a ff ff ff ff 1f"],
    ["a tag beyond 32 bits", "ff ff ff ff 1f 00"],
    ["a number of eleven bytes", `7a 11 0a 0c 10 ff ff ff ff ff ff ff ff ff ff 01 12 01 73`],
    ["a timestamp beyond 2^53", "7a 0c 0a 07 10 ff ff ff ff ff ff ff ff 7f 08 0e"],
    ["content both as text and in parts", "b2 01 0c 0a 02 08 15 2a 00 3a 04 0a 02 0a 00"],
    ["a source of two kinds", "b2 01 12 0a 02 08 15 3a 0c 12 0a 0a 08 0a 02 0a 00 12 02 0a 00"],
  ])("%s is malformed", (_what, hex) => {
    expect(ours(bytesOf(hex))).toBeInstanceOf(MalformedEventError);
  });

  test("an event of a later version is of an unknown type", () => {
    expect(ours(bytesOf("82 02 04 0a 02 08 20"))).toBeInstanceOf(UnknownEventTypeError);
  });

  test("groups and values may not nest without end", () => {
    const groups = new Uint8Array(10_000).fill(0x4b);
    expect(ours(groups)).toBeInstanceOf(MalformedEventError);
    expect(ours(customWithLists(20_000))).toBeInstanceOf(MalformedEventError);
  });
});

/** CUSTOM with so many lists in each other. */
function customWithLists(depth: number): Uint8Array {
  const value = nestedLists(depth);
  const body = [0x0a, 0x02, 0x08, 0x0a, 0x12, 0x01, 0x6e, 0x1a, ...varint(value.length), ...value];
  return Uint8Array.from([0x5a, ...varint(body.length), ...body]);
}
