import { enforceEvents } from "@ag-ui/client";
import { omitOptionalNulls } from "@ag-ui/core";
import fc from "fast-check";
import { lastValueFrom, of } from "rxjs";
import { toArray } from "rxjs/operators";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { eventCases } from "../../test/schema-cases.ts";
import { encodeEvent } from "../codec/binary.ts";
import { InvalidEventError, UnknownEventTypeError } from "../codec/errors.ts";
import { MAX_LISTED } from "./check.ts";
import { parseEvent } from "./parse-event.ts";

type Loose = { [name: string]: unknown };

const cases = eventCases() as unknown as Loose[];

function outcomeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("an event of AG-UI", () => {
  test("comes back as it is, itself, without warnings", () => {
    for (const event of cases) {
      const parsed = parseEvent(event);
      expect(parsed.event).toBe(event);
      expect(parsed.warnings).toEqual([]);
    }
  });

  test("has no null in place of what is optional, as AG-UI 1.0 says", () => {
    const started = { type: "RUN_STARTED", threadId: "t", runId: "r" };
    const message = { id: "m", role: "assistant", content: null };
    const wrong: [Loose, string][] = [
      [{ ...started, timestamp: null }, "/timestamp"],
      [{ ...started, metadata: null }, "/metadata"],
      [
        { ...started, input: { threadId: "t", runId: "r", messages: [message] } },
        "/input/messages/0/content",
      ],
      [{ type: "TEXT_MESSAGE_START", messageId: "m", subagentRunId: null }, "/subagentRunId"],
    ];
    for (const [event, path] of wrong) expect(outcomeOf(() => parseEvent(event))).toMatchObject({ path });
  });

  test("keeps null where null is a value", () => {
    const event = { type: "STATE_SNAPSHOT", snapshot: null, metadata: { a: null } };
    expect(parseEvent(event).event).toBe(event);
  });
});

describe("what AG-UI does not describe", () => {
  test("is left out with a warning, wherever it is", () => {
    const part = { type: "text", text: "t", bold: true };
    const event = {
      type: "MESSAGES_SNAPSHOT",
      seq: 5,
      "a/b~c": 1,
      messages: [{ id: "m", role: "user", content: [part], toString: "x" }],
    };
    expect(parseEvent(event)).toStrictEqual({
      event: {
        type: "MESSAGES_SNAPSHOT",
        messages: [{ id: "m", role: "user", content: [{ type: "text", text: "t" }] }],
      },
      warnings: [
        "Removed /seq, which AG-UI does not describe",
        "Removed /a~1b~0c, which AG-UI does not describe",
        "Removed /messages/0/toString, which AG-UI does not describe",
        "Removed /messages/0/content/0/bold, which AG-UI does not describe",
      ],
    });
    expect(part).toEqual({ type: "text", text: "t", bold: true });
  });

  test("of a union goes with what cannot be without it", () => {
    const image = { type: "image", source: { type: "ipfs", value: "v" } };
    const event = {
      type: "MESSAGES_SNAPSHOT",
      messages: [
        { id: "a", role: "user", content: [image, { type: "hologram" }, { type: "text", text: "t" }] },
        { id: "b", role: "robot" },
      ],
    };
    expect(parseEvent(event)).toStrictEqual({
      event: {
        type: "MESSAGES_SNAPSHOT",
        messages: [{ id: "a", role: "user", content: [{ type: "text", text: "t" }] }],
      },
      warnings: [
        "Removed /messages/0/content/0, which is of a kind that AG-UI does not describe",
        "Removed /messages/0/content/1, which is of a kind that AG-UI does not describe",
        "Removed /messages/1, which is of a kind that AG-UI does not describe",
      ],
    });
    const finished = { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "paused", why: 1 } };
    expect(parseEvent(finished)).toStrictEqual({
      event: { type: "RUN_FINISHED", threadId: "t", runId: "r" },
      warnings: ["Removed /outcome, which is of a kind that AG-UI does not describe"],
    });
  });

  test("in an operation of a patch is left alone, as RFC 6902 wants it", () => {
    const event = { type: "STATE_DELTA", delta: [{ op: "remove", path: "/a", value: 1, comment: "c" }] };
    expect(parseEvent(event)).toEqual({ event, warnings: [] });
  });

  test("is not listed without end", () => {
    const event = Object.fromEntries(
      Array.from({ length: MAX_LISTED + 100 }, (_, index) => [`p${index}`, index]),
    );
    expect(parseEvent({ ...event, type: "STEP_STARTED", stepName: "s" }).warnings).toHaveLength(MAX_LISTED);
  });

  test("as a type is an error of its own", () => {
    const error = outcomeOf(() => parseEvent({ type: "THINKING_START" }));
    expect(error).toBeInstanceOf(UnknownEventTypeError);
    expect(error).toMatchObject({ eventType: "THINKING_START" });
    expect(outcomeOf(() => parseEvent({ type: "toString" }))).toBeInstanceOf(UnknownEventTypeError);
  });
});

describe("what is wrong", () => {
  test.each([
    [undefined, "", "must be an object, not undefined"],
    [null, "", "must be an object, not null"],
    [[], "", "must be an object, not a list"],
    [{}, "/type", "is required"],
    [{ type: 5 }, "/type", "must be a string, not a number"],
    [{ type: "STEP_STARTED" }, "/stepName", "is required"],
    [{ type: "STEP_STARTED", stepName: null }, "/stepName", "is required"],
    [
      { type: "STEP_STARTED", stepName: "s", timestamp: 1.5 },
      "/timestamp",
      "must be a whole number, not 1.5",
    ],
    [{ type: "STEP_STARTED", stepName: "s", timestamp: "1" }, "/timestamp", "must be a number, not a string"],
    [{ type: "CUSTOM", name: "n" }, "/value", "is required"],
    [
      { type: "STATE_DELTA", delta: [{ op: "add", path: "a/b", value: 1 }] },
      "/delta/0/path",
      "must be a JSON Pointer",
    ],
    [
      { type: "TEXT_MESSAGE_START", messageId: "m", role: "robot" },
      "/role",
      "must be one of developer, system",
    ],
  ])("%j is an error at %s", (event, path, problem) => {
    const error = outcomeOf(() => parseEvent(event));
    expect(error).toBeInstanceOf(InvalidEventError);
    expect(error).toMatchObject({ path });
    expect((error as Error).message).toContain(problem);
  });
});

describe("an event that was changed at random", () => {
  beforeAll(() => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
  });

  const strange = fc.constantFrom<unknown>(
    null,
    "",
    "text",
    0,
    -1,
    1.5,
    2 ** 60,
    true,
    [],
    {},
    [null],
    [{}],
    { type: "x" },
    undefined,
  );
  const changed = fc
    .tuple(fc.constantFrom(...cases), fc.nat(), strange, fc.constantFrom("set", "add", "delete"))
    .map(([event, where, value, how]) => {
      const copy = structuredClone(event);
      const objects = objectsIn(copy);
      const object = objects[where % objects.length]!;
      const keys = Object.keys(object);
      const key = keys[where % Math.max(keys.length, 1)] ?? "added";
      if (how === "add") object[`new ${where % 3}`] = value;
      else if (how === "delete") delete object[key];
      else object[key] = value;
      return JSON.parse(JSON.stringify(copy)) as Loose;
    });

  /** All objects in a value, itself first. */
  function objectsIn(value: unknown): Loose[] {
    if (typeof value !== "object" || value === null) return [];
    const inside = Object.values(value).flatMap(objectsIn);
    return Array.isArray(value) ? inside : [value as Loose, ...inside];
  }

  test("is read as AG-UI's client reads it", async () => {
    await fc.assert(
      fc.asyncProperty(changed, async (event) => {
        fc.pre(typeof event.type === "string" && cases.some(({ type }) => type === event.type));
        const ours = outcomeOf(() => parseEvent(event).event);
        // What is null in deprecated places, the client's compatibility layer takes out before it reads.
        const theirs = await lastValueFrom(of(event).pipe(enforceEvents() as never, toArray())).catch(
          (error: unknown) => error,
        );
        if (theirs instanceof Error) expect(ours).toBeInstanceOf(InvalidEventError);
        else expect(withLists(ours)).toEqual((theirs as unknown[])[0]);
      }),
      { numRuns: 3000 },
    );
  });

  test("can be encoded if and only if it can be read, but for what reading leaves out", () => {
    fc.assert(
      fc.property(changed, (event) => {
        // Agents that are objects may have null where it means nothing; JSON may not.
        const read = outcomeOf(() => parseEvent(omitOptionalNulls(event, "Event")));
        const encoded = outcomeOf(() => encodeEvent(event as never));
        if (read instanceof Error) expect(encoded).toBeInstanceOf(Error);
        else expect(encodeEvent((read as { event: never }).event)).toBeInstanceOf(Uint8Array);
      }),
      { numRuns: 3000 },
    );
  });
});

/** AG-UI's parser gives an input its lists, which are optional in JSON. */
function withLists(event: unknown): unknown {
  const { input } = event as Loose;
  if (typeof input !== "object" || input === null) return event;
  return { ...(event as Loose), input: { tools: [], context: [], ...input } };
}
