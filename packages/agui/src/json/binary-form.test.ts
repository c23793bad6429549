import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { afterBinary, eventCases } from "../../test/schema-cases.ts";
import { hasBinaryForm } from "./binary-form.ts";

describe("a value has a binary form", () => {
  test("if it is an event that comes out of it as it went in", () => {
    for (const event of eventCases()) {
      const survives = JSON.stringify(afterBinary(event)).length === JSON.stringify(event).length;
      expect(hasBinaryForm(event), JSON.stringify(event)).toBe(survives);
    }
  });

  test("whatever the order of its keys", () => {
    expect(hasBinaryForm({ delta: "d", messageId: "m", type: "TEXT_MESSAGE_CONTENT" })).toBe(true);
    expect(hasBinaryForm({ snapshot: { b: 1, a: [{ d: 1, c: 2 }] }, type: "STATE_SNAPSHOT" })).toBe(true);
  });

  test.each([
    ["of a type that AG-UI does not have", { type: "LATER" }],
    ["of no type", { delta: "d" }],
    ["that is no object", "TEXT"],
    ["with a property that AG-UI does not describe", { type: "STEP_STARTED", stepName: "s", seq: 1 }],
    ["with a field of a wrong type", { type: "STEP_STARTED", stepName: 1 }],
    ["with null for an absent field", { type: "STEP_STARTED", stepName: "s", timestamp: null }],
    ["with an empty list that is lost", { type: "RUN_ERROR", message: "m", usage: [] }],
    ["with half of a surrogate pair", { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "\ud83d" }],
    [
      "with a member of an operation that has no field",
      { type: "STATE_DELTA", delta: [{ op: "remove", path: "", x: 1 }] },
    ],
    [
      "nested too deep",
      { type: "CUSTOM", name: "n", value: JSON.parse(`${"[".repeat(31)}${"]".repeat(31)}`) as unknown },
    ],
  ])("but not one %s", (_what, value) => {
    expect(hasBinaryForm(value)).toBe(false);
  });

  test("as most of what the conformance streams hold does", () => {
    const folder = new URL("../../../../conformance/streams/", import.meta.url);
    const streams = readdirSync(folder).filter((name) => name.endsWith(".json"));
    const events = streams.flatMap((name) => {
      const { stream } = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { stream: unknown[] };
      return stream;
    });
    const without = events.filter((event) => !hasBinaryForm(event));
    expect(events.length).toBeGreaterThan(500);
    expect(without.length).toBeLessThan(events.length / 5);
  });
});
