import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nestedLists } from "../../test/nested-lists.ts";
import type { Message } from "../types.ts";
import { InvalidEventError, MalformedEventError } from "./errors.ts";
import { FrameEncoder } from "./frames.ts";
import { decodeValue, encodeValue } from "./value.ts";
import { MAX_VALUE_DEPTH } from "./value-limits.ts";

const anyJson = fc
  .jsonValue({ maxDepth: 6, stringUnit: "binary" })
  .map((value): unknown => JSON.parse(JSON.stringify(value).toWellFormed()));
const listsIn = (depth: number): Uint8Array => Uint8Array.from(nestedLists(depth));
const same = (value: unknown): unknown => decodeValue(encodeValue(value));

/** Lists in each other, so many. */
function nested(depth: number): unknown {
  let value: unknown = "inside";
  for (let count = 0; count < depth; count++) value = count % 2 === 0 ? [value] : { key: value };
  return value;
}

describe("any JSON value", () => {
  test("survives", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(same(value)).toStrictEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("is the same value for protobuf-es, both ways", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(toJson(ValueSchema, fromBinary(ValueSchema, encodeValue(value)))).toStrictEqual(value);
        expect(decodeValue(toBinary(ValueSchema, fromJson(ValueSchema, value as never)))).toStrictEqual(
          value,
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("with strings of any length survives", () => {
    for (let length = 0; length < 300; length++) {
      const value = {
        ["k".repeat(length)]: "v".repeat(length),
        ["ключ".repeat(length)]: ["🐢".repeat(length)],
      };
      expect(same(value)).toStrictEqual(value);
    }
    const long = "long ".repeat(100_000);
    expect(same([long, { [long]: long }])).toStrictEqual([long, { [long]: long }]);
  });

  test("keeps the keys that objects treat differently", () => {
    const value = JSON.parse(
      '{"__proto__": {"a": 1}, "constructor": 1, "toString": 2, "": 3, "0": 4}',
    ) as object;
    const decoded = same(value) as object;
    expect(JSON.stringify(decoded)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });

  test("keeps a byte order mark", () => {
    expect(same("\ufeffa")).toBe("\ufeffa");
    expect(same(`\ufeff${"a".repeat(100)}`)).toBe(`\ufeff${"a".repeat(100)}`);
  });
});

describe("what JSON does not have", () => {
  test("becomes what JSON.stringify makes of it", () => {
    class Point {
      x = 1;
      get y() {
        return 2;
      }
    }
    const inherited = Object.assign(Object.create({ inherited: 1 }) as object, { own: 2 });
    const values = [
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      { a: undefined, b: () => 1, c: Symbol("c"), d: [undefined, () => 1, Symbol("c")] },
      { when: new Date(0), never: new Date(Number.NaN) },
      [new Point(), new Map([[1, 2]]), new Set([1]), /a/, new Error("e"), new Uint8Array([1, 2])],
      { toJSON: () => ({ toJSON: () => "not asked again", inner: 1 }) },
      [{ toJSON: () => [1, { toJSON: () => 2 }] }],
      Object.create(null, { key: { value: 1, enumerable: true }, hidden: { value: 2 } }),
      inherited,
      "lone \ud83d",
    ];
    for (const value of values) {
      expect(same(value)).toStrictEqual(JSON.parse(JSON.stringify(value).replace("\\ud83d", "\ufffd")));
    }
    expect(same(undefined)).toBe(null);
  });

  test("is refused if JSON.stringify refuses it", () => {
    expect(() => encodeValue(1n)).toThrow(InvalidEventError);
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => encodeValue(circle)).toThrow(InvalidEventError);
  });
});

describe("depth", () => {
  test(`up to ${MAX_VALUE_DEPTH} is encoded, beyond it is not`, () => {
    expect(same(nested(MAX_VALUE_DEPTH))).toStrictEqual(nested(MAX_VALUE_DEPTH));
    expect(() => encodeValue(nested(MAX_VALUE_DEPTH + 1))).toThrow(InvalidEventError);
    expect(() => encodeValue(nested(100_000))).toThrow(InvalidEventError);
  });

  test("that is encoded can be read by a runtime that stops at a hundred levels, wherever it is", () => {
    const metadata = Array.from({ length: MAX_VALUE_DEPTH }).reduce(
      (inner) => ({ key: inner }),
      1 as unknown,
    );
    const source = { type: "url", value: "https://example.com/image" } as const;
    const messages: Message[] = [{ id: "m", role: "user", content: [{ type: "image", source, metadata }] }];
    const frames = new FrameEncoder();
    frames.append(1, {
      type: "RUN_STARTED",
      threadId: "t",
      runId: "r",
      input: { threadId: "t", runId: "r", messages },
    });
    const item = fromBinary(RunAgentResponseSchema, frames.take().subarray(5), { recursionLimit: 100 });
    expect(item.item.case).toBe("event");
  });

  test("of bytes may be more, but not without end", () => {
    expect(decodeValue(listsIn(99))).toStrictEqual(
      Array.from({ length: 98 }).reduce<unknown[]>((inner) => [inner], [null]),
    );
    expect(() => decodeValue(listsIn(101))).toThrow(MalformedEventError);
    expect(() => decodeValue(listsIn(20_000))).toThrow(MalformedEventError);
  });
});

describe("on the wire", () => {
  const bytesOf = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

  test("an empty value is null", () => {
    expect(decodeValue(bytesOf())).toBe(null);
    expect(decodeValue(bytesOf(0x32, 0x02, 0x0a, 0x00))).toStrictEqual([null]);
  });

  test("the last of several kinds counts, and objects and lists of one value merge", () => {
    expect(decodeValue(bytesOf(0x20, 1, 0x1a, 1, 0x61))).toBe("a");
    const list = (...item: number[]) => [0x32, item.length + 2, 0x0a, item.length, ...item];
    expect(decodeValue(bytesOf(...list(0x20, 1), ...list(0x20, 0)))).toStrictEqual([true, false]);
    const object = (key: number, ...value: number[]) => {
      const entry = [0x0a, 1, key, 0x12, value.length, ...value];
      return [0x2a, entry.length + 2, 0x0a, entry.length, ...entry];
    };
    expect(decodeValue(bytesOf(...object(0x61, 0x20, 1), ...object(0x62, 0x20, 0)))).toStrictEqual({
      a: true,
      b: false,
    });
    expect(decodeValue(bytesOf(...object(0x61, 0x20, 1), ...object(0x61, 0x20, 0)))).toStrictEqual({
      a: false,
    });
  });

  test("lengths and tags may take more bytes than they need", () => {
    expect(decodeValue(bytesOf(0x9a, 0x00, 0x81, 0x80, 0x00, 0x61))).toBe("a");
  });

  test("keys and fields of entries may come in any order, or not at all", () => {
    expect(decodeValue(bytesOf(0x2a, 9, 0x0a, 7, 0x12, 2, 0x20, 1, 0x0a, 1, 0x61))).toStrictEqual({
      a: true,
    });
    expect(decodeValue(bytesOf(0x2a, 6, 0x0a, 4, 0x12, 2, 0x20, 1))).toStrictEqual({ "": true });
    expect(decodeValue(bytesOf(0x2a, 5, 0x0a, 3, 0x0a, 1, 0x61))).toStrictEqual({});
  });

  test("what is not UTF-8 has U+FFFD in its place", () => {
    expect(decodeValue(bytesOf(0x1a, 3, 0x61, 0xff, 0x62))).toBe("a\ufffdb");
  });
});
