import { describe, expect, test } from "vitest";
import * as e from "../../test/events.ts";
import { playToStockClient } from "../../test/stock-client.ts";
import type { AguiEvent, EventOf } from "../types.ts";
import { type RuleName, ViolationError } from "../verify/rules.ts";
import { createExpander, type ExpanderOptions } from "./expander.ts";

type Chunk<T extends AguiEvent["type"]> = Omit<EventOf<T>, "type">;
const textChunk = (fields: Chunk<"TEXT_MESSAGE_CHUNK">): AguiEvent => ({
  type: "TEXT_MESSAGE_CHUNK",
  ...fields,
});
const toolChunk = (fields: Chunk<"TOOL_CALL_CHUNK">): AguiEvent => ({ type: "TOOL_CALL_CHUNK", ...fields });
const thoughtChunk = (fields: Chunk<"REASONING_MESSAGE_CHUNK">): AguiEvent => ({
  type: "REASONING_MESSAGE_CHUNK",
  ...fields,
});

function expand(stream: readonly AguiEvent[], options: ExpanderOptions = {}): AguiEvent[] {
  const expander = createExpander(options);
  const events: AguiEvent[] = [];
  for (const event of stream) expander.push(event, (expanded) => events.push(expanded));
  expander.flush((expanded) => events.push(expanded));
  return events;
}

function ruleOf(stream: readonly AguiEvent[], options: ExpanderOptions = {}): RuleName | "accepted" {
  try {
    expand(stream, options);
    return "accepted";
  } catch (error) {
    if (error instanceof ViolationError) return error.rule;
    throw error;
  }
}

/** The same from the stock client: it runs the chunks between RUN_STARTED and RUN_FINISHED. */
async function stockOf(stream: readonly AguiEvent[]) {
  const { events, error } = await playToStockClient([e.runStarted(), ...stream, e.runFinished()]);
  return { events: events.slice(1, -1), error };
}

const s1 = { subagentRunId: "s1" };
const s2 = { subagentRunId: "s2" };

describe("chunks become START, content and END", () => {
  test.each<[string, AguiEvent[], AguiEvent[]]>([
    [
      "text",
      [textChunk({ messageId: "m1", role: "user", name: "Ada", delta: "a" }), textChunk({ delta: "b" })],
      [
        e.textStart("m1", { role: "user", name: "Ada" }),
        e.text("m1", "a"),
        e.text("m1", "b"),
        e.textEnd("m1"),
      ],
    ],
    [
      "tool call",
      [
        toolChunk({ toolCallId: "c1", toolCallName: "search", parentMessageId: "m1" }),
        toolChunk({ delta: "{" }),
        toolChunk({ toolCallId: "c1", toolCallName: "search", delta: "}" }),
      ],
      [
        e.toolStart("c1", { parentMessageId: "m1" }),
        e.toolArgs("c1", "{"),
        e.toolArgs("c1", "}"),
        e.toolEnd("c1"),
      ],
    ],
    [
      "reasoning",
      [thoughtChunk({ messageId: "m1", delta: "hm" }), thoughtChunk({ delta: "" })],
      [e.thoughtStart("m1"), e.thought("m1", "hm"), e.thought("m1", ""), e.thoughtEnd("m1")],
    ],
    [
      "two messages",
      [textChunk({ messageId: "m1", delta: "a" }), textChunk({ messageId: "m2", delta: "b" })],
      [
        e.textStart("m1", { role: "assistant" } as never),
        e.text("m1", "a"),
        e.textEnd("m1"),
        e.textStart("m2", { role: "assistant" } as never),
        e.text("m2", "b"),
        e.textEnd("m2"),
      ],
    ],
    [
      "metadata, on both events",
      [thoughtChunk({ messageId: "m1", delta: "a", metadata: { k: 1 } })],
      [
        e.thoughtStart("m1", { metadata: { k: 1 } }),
        e.thought("m1", "a", { metadata: { k: 1 } }),
        e.thoughtEnd("m1"),
      ],
    ],
    [
      "metadata alone, on an empty delta",
      [thoughtChunk({ messageId: "m1" }), thoughtChunk({ metadata: { k: 1 } }), thoughtChunk({})],
      [e.thoughtStart("m1"), e.thought("m1", "", { metadata: { k: 1 } }), e.thoughtEnd("m1")],
    ],
    [
      "a provider's event, on the content",
      [thoughtChunk({ messageId: "m1", rawEvent: { raw: 1 } })],
      [
        e.thoughtStart("m1"),
        { type: "REASONING_MESSAGE_CONTENT", messageId: "m1", delta: "", rawEvent: { raw: 1 } },
        e.thoughtEnd("m1"),
      ],
    ],
  ])("%s", async (_, stream, expected) => {
    expect(expand(stream)).toEqual(expected);
    expect((await stockOf(stream)).events).toEqual(expected);
  });

  test("the time of a chunk goes to what it becomes", () => {
    const [start, content, end] = expand([thoughtChunk({ messageId: "m1", delta: "a", timestamp: 5 })]);
    expect([start?.timestamp, content?.timestamp, end?.timestamp]).toEqual([5, 5, undefined]);
  });
});

describe("lanes", () => {
  test("of two subagents are assembled side by side", async () => {
    const stream = [
      thoughtChunk({ messageId: "m1", delta: "a", ...s1 }),
      thoughtChunk({ messageId: "m2", delta: "b", ...s2 }),
      thoughtChunk({ delta: "c", ...s1 }),
      thoughtChunk({ messageId: "m2", delta: "d" }),
    ];
    const expected = [
      e.thoughtStart("m1", s1),
      e.thought("m1", "a", s1),
      e.thoughtStart("m2", s2),
      e.thought("m2", "b", s2),
      e.thought("m1", "c", s1),
      e.thought("m2", "d", s2),
      e.thoughtEnd("m1", s1),
      e.thoughtEnd("m2", s2),
    ];
    expect(expand(stream)).toEqual(expected);
    expect((await stockOf(stream)).events).toEqual(expected);
  });

  test("an untagged chunk without id continues the only stream of its kind", async () => {
    const stream = [
      toolChunk({ toolCallId: "c1", toolCallName: "search" }),
      thoughtChunk({ messageId: "m1", ...s1 }),
      thoughtChunk({ delta: "a" }),
    ];
    expect(expand(stream)).toContainEqual(e.thought("m1", "a", s1));
    expect((await stockOf(stream)).events).toContainEqual(e.thought("m1", "a", s1));
  });

  const opened = [thoughtChunk({ messageId: "m1", ...s1 }), thoughtChunk({ messageId: "m2" })];
  const [own, parents] = [e.thoughtEnd("m1", s1), e.thoughtEnd("m2")];
  const custom = (extra = {}): AguiEvent => ({ type: "CUSTOM", name: "n", value: 1, ...extra });
  const activity: AguiEvent = {
    type: "ACTIVITY_SNAPSHOT",
    messageId: "a",
    activityType: "PLAN",
    content: {},
  };
  test.each<[string, AguiEvent, AguiEvent[]]>([
    ["an explicit event closes its own lane", e.textStart("m9", s1), [own]],
    ["an untagged one the parent's", e.toolResult("c1", "m9"), [parents]],
    ["CUSTOM its own", custom(s1), [own]],
    ["STATE_DELTA its own", { type: "STATE_DELTA", delta: [] }, [parents]],
    ["STEP_STARTED its own", e.stepStarted("plan"), [parents]],
    ["REASONING_START its own", e.reasoningStart("m9", s1), [own]],
    ["MESSAGES_SNAPSHOT all", { type: "MESSAGES_SNAPSHOT", messages: [] }, [own, parents]],
    ["RUN_FINISHED all", e.runFinished(), [own, parents]],
    ["RUN_ERROR all", e.runError, [own, parents]],
    ["RUN_STARTED all", e.runStarted(), [own, parents]],
    ["SUBAGENT_FINISHED that of the subagent", e.subagentFinished("s1"), [own]],
    ["SUBAGENT_FINISHED of another none", e.subagentFinished("s2"), []],
    ["a malformed SUBAGENT_FINISHED none", e.unparsed({ type: "SUBAGENT_FINISHED" }), []],
    ["SUBAGENT_STARTED none", e.subagentStarted("s1"), []],
    ["RAW none", { type: "RAW", event: 1 }, []],
    ["ACTIVITY_SNAPSHOT none", activity, []],
  ])("%s", (_, event, closed) => {
    const events = expand([...opened, event]);
    const at = events.indexOf(event);
    expect(events.slice(2, at)).toEqual(closed);
    expect(events.slice(2)).toHaveLength(3);
  });

  test("an ordinary event passes as it is", () => {
    const event = e.text("m1");
    expect(expand([event])[0]).toBe(event);
  });

  test("more lanes than allowed are a violation", () => {
    const lanes = [s1, s2, {}].map((tag, index) => thoughtChunk({ messageId: `m${index}`, ...tag }));
    expect(ruleOf(lanes, { maxLanes: 3 })).toBe("accepted");
    expect(ruleOf(lanes, { maxLanes: 2 })).toBe("too_many_entities");
    // Another stream in the same lane takes the place of the one before.
    expect(ruleOf([...lanes, thoughtChunk({ messageId: "m9" })], { maxLanes: 3 })).toBe("accepted");
  });
});

describe("violations", () => {
  const call = toolChunk({ toolCallId: "c1", toolCallName: "search" });
  const message = textChunk({ messageId: "m1", role: "user" });
  test.each<[RuleName, AguiEvent[]]>([
    ["chunk_id_missing", [textChunk({ delta: "a" })]],
    ["chunk_id_missing", [toolChunk({ toolCallName: "search" })]],
    ["chunk_id_missing", [thoughtChunk({ delta: "a" })]],
    ["chunk_id_missing", [message, e.stepStarted("a"), textChunk({ delta: "a" })]],
    ["chunk_name_missing", [toolChunk({ toolCallId: "c1" })]],
    ["chunk_conflict", [message, textChunk({ role: "assistant" })]],
    ["chunk_conflict", [message, textChunk({ name: "Ada" })]],
    ["chunk_conflict", [call, toolChunk({ toolCallName: "find" })]],
    ["chunk_conflict", [call, toolChunk({ toolCallId: "c1", parentMessageId: "m1" })]],
    ["attribution_mismatch", [textChunk({ messageId: "m1", ...s1 }), textChunk({ messageId: "m1", ...s2 })]],
    ["attribution_mismatch", [textChunk({ messageId: "m1" }), textChunk({ messageId: "m1", ...s2 })]],
    [
      "chunk_ambiguous",
      [
        textChunk({ messageId: "m1", ...s1 }),
        textChunk({ messageId: "m2", ...s2 }),
        textChunk({ delta: "a" }),
      ],
    ],
  ])("%s", async (rule, stream) => {
    expect(ruleOf(stream)).toBe(rule);
    expect((await stockOf(stream)).error).toBeDefined();
    expect(ruleOf(stream.slice(0, -1))).toBe("accepted");
  });

  test("emit nothing", () => {
    const expander = createExpander();
    expander.push(message, () => {});
    expect(() => expander.push(toolChunk({ delta: "{" }), () => expect.unreachable())).toThrow(
      ViolationError,
    );
    const events: AguiEvent[] = [];
    expander.flush((event) => events.push(event));
    expect(events).toEqual([e.textEnd("m1")]);
  });
});
