import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyInput, inputCases } from "../../test/schema-cases.ts";
import { upgradeInput } from "../compat/upgrade-input.ts";
import { MAX_LISTED } from "./check.ts";
import { checkRunAgentInput, InvalidInputError, parseRunAgentInput } from "./parse-input.ts";

const least = { threadId: "t", runId: "r", messages: [] };

const IDS = new Set([
  "threadId",
  "runId",
  "parentRunId",
  "id",
  "toolCallId",
  "subagentRunId",
  "interruptId",
  "name",
]);

/** The input with ids that may be keys, which AG-UI itself does not ask for. */
function withGoodIds(input: unknown): Record<string, unknown> {
  const json = JSON.stringify(input, (key, value: unknown) =>
    IDS.has(key) && typeof value === "string" ? `id ${value.length}` : value,
  );
  return JSON.parse(json) as Record<string, unknown>;
}

describe("an input of AG-UI", () => {
  test("is read, with its lists", () => {
    for (const input of inputCases().map(withGoodIds)) {
      expect(checkRunAgentInput(input)).toEqual([]);
      expect(parseRunAgentInput(input)).toEqual({ tools: [], context: [], ...input });
    }
  });

  test("of any values is read", () => {
    fc.assert(
      fc.property(anyInput().map(withGoodIds), (input) => {
        expect(parseRunAgentInput(input)).toEqual({ tools: [], context: [], ...input });
      }),
    );
  });

  test("may have null in place of what is optional, its state included", () => {
    const nulls = {
      state: null,
      tools: null,
      context: null,
      forwardedProps: null,
      resume: null,
      parentRunId: null,
    };
    expect(parseRunAgentInput({ ...least, ...nulls, protocolVersion: null })).toStrictEqual({
      ...least,
      tools: [],
      context: [],
    });
  });

  test("loses what AG-UI does not describe", () => {
    const message = { id: "m", role: "user", content: "hello", createdAt: 5 };
    expect(parseRunAgentInput({ ...least, messages: [message], agent: "a" })).toStrictEqual({
      ...least,
      messages: [{ id: "m", role: "user", content: "hello" }],
      tools: [],
      context: [],
    });
  });

  test("of 0.x is read once it is upgraded", () => {
    const part = { type: "binary", mimeType: "image/png", data: "aGk=" };
    const old = {
      ...least,
      messages: [{ id: "m", role: "user", content: [part] }],
      state: null,
      tools: [],
      context: [],
    };
    expect(checkRunAgentInput(old)).toMatchObject([{ path: "/messages/0/content/0/type", rule: "one_of" }]);
    const source = { type: "data", value: "aGk=", mimeType: "image/png" };
    expect(parseRunAgentInput(upgradeInput(old)).messages).toEqual([
      { id: "m", role: "user", content: [{ type: "image", source }] },
    ]);
  });

  test("of a later version loses the kinds that are new, and is served", () => {
    const messages = [
      { id: "a", role: "robot", content: "beep" },
      { id: "b", role: "user", content: [{ type: "hologram" }, { type: "text", text: "t" }] },
    ];
    expect(checkRunAgentInput({ ...least, messages }).map(({ path }) => path)).toEqual([
      "/messages/0/role",
      "/messages/1/content/0/type",
    ]);
    for (const protocolVersion of ["1.1", "2.0", "1.10"]) {
      expect(parseRunAgentInput({ ...least, messages, protocolVersion }).messages).toEqual([
        { id: "b", role: "user", content: [{ type: "text", text: "t" }] },
      ]);
    }
    for (const protocolVersion of ["1.0", "1.0.3", "0.0.59"]) {
      expect(checkRunAgentInput({ ...least, messages, protocolVersion })).toHaveLength(2);
    }
  });
});

describe("an id with half of a surrogate pair", () => {
  test.each(["threadId", "runId", "parentRunId"])("is no %s", (name) => {
    const rule = "well_formed";
    for (const id of ["\ud800", "a\udc00b"])
      expect(checkRunAgentInput({ ...least, [name]: id })).toMatchObject([{ path: `/${name}`, rule }]);
    expect(checkRunAgentInput({ ...least, [name]: "\u{1f600}" })).toEqual([]);
  });

  test("is none of a message either", () => {
    const messages = [{ id: "\ud800", role: "user", content: "x" }];
    expect(checkRunAgentInput({ ...least, messages })).toMatchObject([{ path: "/messages/0/id" }]);
  });
});

describe("the problems of an input", () => {
  test("are all listed, in the order of the fields, with their rules", () => {
    const deep = Array.from({ length: 31 }).reduce((inner) => [inner], 1 as unknown);
    const problems = checkRunAgentInput({
      threadId: 5,
      parentRunId: "",
      state: { deep },
      messages: [
        { id: "", role: "user", content: "x" },
        { id: "a\nb", role: "user" },
        { id: "i".repeat(257), role: "tool", content: 5, toolCallId: "t".repeat(20_000) },
        "hello",
      ],
      tools: [{ name: "", description: "d" }, { name: "n" }],
      context: {},
      resume: [{ interruptId: "", status: "maybe" }],
    });
    expect(problems.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      "/threadId type",
      "/runId required",
      `/state/deep${"/0".repeat(29)} too_deep`,
      "/messages/1/content required",
      "/messages/2/content type",
      "/messages/3 type",
      "/tools/1/description required",
      "/context type",
      "/resume/0/status one_of",
      "/parentRunId not_empty",
      "/messages/0/id not_empty",
      "/messages/1/id no_control_characters",
      "/messages/2/id max_bytes",
      "/messages/2/toolCallId max_bytes",
      "/tools/0/name not_empty",
      "/resume/0/interruptId not_empty",
    ]);
    expect(problems.every(({ message }) => /^(must|is) /.test(message))).toBe(true);
  });

  test("are thrown together", () => {
    const run = () => parseRunAgentInput({ messages: "none" });
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow("/threadId is required; /runId is required; /messages must be a list, not a string");
    expect(() => parseRunAgentInput("hello")).toThrow("The input must be an object, not a string");
    expect(() => parseRunAgentInput({ messages: [1, 2] })).toThrow("; and 1 more");
  });

  test("are not listed without end", () => {
    const problems = checkRunAgentInput({ ...least, messages: new Array(MAX_LISTED * 3).fill(0) });
    expect(problems).toHaveLength(MAX_LISTED);
  });

  test("count bytes, not characters", () => {
    expect(checkRunAgentInput({ ...least, threadId: "é".repeat(128) })).toEqual([]);
    expect(checkRunAgentInput({ ...least, threadId: "é".repeat(129) })).toMatchObject([
      { rule: "max_bytes" },
    ]);
  });
});
