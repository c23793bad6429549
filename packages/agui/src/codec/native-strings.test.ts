import { afterEach, expect, test, vi } from "vitest";
import { eventCases } from "../../test/schema-cases.ts";
import { decodeEvent, encodeEvent } from "./binary.ts";
import { decodeValue, encodeValue } from "./value.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const texts = [
  "",
  "a",
  "é",
  "東京",
  "🐢",
  "\ufeffa",
  "lone \ud83d",
  "\udc22 lone",
  "x".repeat(100),
  "é".repeat(100),
];

test("the codec is the same where there is no Buffer, as in browsers", async () => {
  const events = eventCases();
  const expected = events.map((event) => Uint8Array.from(encodeEvent(event)));
  const values = texts.map((text) => encodeValue({ [text]: [text] }));
  vi.stubGlobal("Buffer", undefined);
  vi.resetModules();
  const browser = { ...(await import("./binary.ts")), ...(await import("./value.ts")) };
  for (const [index, event] of events.entries()) {
    expect(browser.encodeEvent(event)).toEqual(expected[index]);
    expect(browser.decodeEvent(expected[index]!)).toEqual(decodeEvent(expected[index]!));
  }
  for (const [index, text] of texts.entries()) {
    expect(browser.encodeValue({ [text]: [text] })).toEqual(values[index]);
    expect(browser.decodeValue(values[index]!)).toEqual(decodeValue(values[index]!));
  }
});
