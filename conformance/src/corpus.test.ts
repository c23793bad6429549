import { EventSchema } from "@ag-ui/core/schemas";
import { describe, expect, test } from "vitest";
import { loadOfficialCorpus, loadOwnCorpus } from "./corpus.ts";
import { checkExpectation } from "./expect.ts";
import { inProcessAgent, observe } from "./observe.ts";
import { rules } from "./rules.ts";
import type { Stream } from "./stream.ts";

const own = loadOwnCorpus();
const official = loadOfficialCorpus();
const ownPassing = own.streams.filter((stream) => stream.expect.outcome === "completed");

describe.each([
  ["our own", own],
  ["the official", official],
] as const)("%s streams, taken in by the stock client", (_name, corpus) => {
  if (corpus.leftOut !== undefined) test.skip(corpus.leftOut, () => {});
  else test.each(corpus.streams)("$area: $name", (stream) => meetsItsExpectation(stream));
});

async function meetsItsExpectation(stream: Stream): Promise<void> {
  const observed = await observe(stream, inProcessAgent(stream));
  expect(checkExpectation(stream.expect, observed).join("\n")).toBe("");
}

describe("our own corpus", () => {
  test("names each stream after its file and says what a server makes of it", () => {
    for (const stream of own.streams) {
      expect(stream.server, stream.name).toBeDefined();
      expect(stream.name.endsWith("-fatal"), stream.name).toBe(stream.expect.outcome === "failed");
      expect(stream.rules?.length, stream.name).toBeGreaterThan(0);
    }
    expect(new Set(own.streams.map((stream) => stream.name)).size).toBe(own.streams.length);
  });

  test.each(Object.entries(rules))("has streams for the rule %s", (rule, { breakable }) => {
    const about = own.streams.filter((stream) => stream.rules?.includes(rule));
    const failing = about.filter((stream) => stream.expect.outcome === "failed");
    if (rule !== "malformed-field") expect(about.length - failing.length).toBeGreaterThan(0);
    expect(failing.length > 0).toBe(breakable);
  });

  test("names only rules that are written down", () => {
    const named = new Set(own.streams.flatMap((stream) => stream.rules ?? []));
    expect([...named].filter((rule) => !Object.hasOwn(rules, rule))).toEqual([]);
  });

  test("carries every field of every event, and every optional one absent too", () => {
    const missing: string[] = [];
    const events = ownPassing.flatMap((stream) => stream.stream);
    for (const { type, fields } of eventShapes()) {
      const ofType = events.filter((event) => event.type === type);
      for (const { name, optional } of fields) {
        if (!ofType.some((event) => Object.hasOwn(event, name))) missing.push(`${type} with ${name}`);
        if (optional && !ofType.some((event) => !Object.hasOwn(event, name)))
          missing.push(`${type} without ${name}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

interface EventShape {
  type: string;
  fields: { name: string; optional: boolean }[];
}

/** The event types and fields as the stock client's own schemas declare them. */
function eventShapes(): EventShape[] {
  return EventSchema.options.map(({ shape }) => {
    const { type, ...fields } = shape;
    const [name] = type.def.values;
    return {
      type: String(name),
      fields: Object.entries(fields).map(([field, schema]) => ({
        name: field,
        optional: schema.safeParse(undefined).success,
      })),
    };
  });
}
