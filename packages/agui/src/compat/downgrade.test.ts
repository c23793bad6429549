import { describe, expect, test } from "vitest";
import * as e from "../../test/events.ts";
import type { AguiEvent, ContentPart, Message, RunAgentInput } from "../types.ts";
import { createDowngrader } from "./downgrade.ts";
import { downgradeInput, downgradeMessage } from "./downgrade-message.ts";
import { type PeerProfile, profileOf } from "./profile.ts";

// What 0.x accepts was found out with @ag-ui/client 0.0.59, the last of its line: it refuses every event of
// which a test here says that it changes, and takes all others.

function downgrade(stream: readonly AguiEvent[], profile: PeerProfile = "0.x") {
  const warnings: string[] = [];
  const downgrader = createDowngrader(profile, { onWarning: (message) => warnings.push(message) });
  const events: AguiEvent[] = [];
  for (const event of stream) downgrader.push(event, (downgraded) => events.push(downgraded));
  return { events, warnings };
}

const finished = (fields: object): AguiEvent => e.unparsed({ ...e.runFinished(), ...fields });

const parts: ContentPart[] = [
  { type: "text", text: "a", id: "p1", metadata: { k: 1 } },
  { type: "image", source: { type: "file", value: "f1", provider: "openai" } },
  { type: "image", source: { type: "url", value: "https://example.org/i.png" } },
  { type: "text", text: "b" },
];
const messages: Message[] = [
  { id: "u1", role: "user", content: parts },
  { id: "u2", role: "user", content: "text" },
  { id: "t1", role: "tool", toolCallId: "c1", content: parts, error: "e" },
  { id: "a1", role: "activity", activityType: "PLAN", content: { parts } },
];
const downgraded: Message[] = [
  { id: "u1", role: "user", content: parts.filter((_, index) => index !== 1) },
  { id: "u2", role: "user", content: "text" },
  { id: "t1", role: "tool", toolCallId: "c1", content: "ab", error: "e" },
  { id: "a1", role: "activity", activityType: "PLAN", content: { parts } },
];
const lost = ["User message 'u1' loses 1 file parts.", "Tool message 't1' loses 2 parts that are no text."];

describe("profileOf", () => {
  test.each([
    [undefined, "0.x"],
    ["0.9", "0.x"],
    ["0.59", "0.x"],
    ["0.0.59", "0.x"],
    ["1.0", "1.0"],
    ["1.7", "1.0"],
    ["2.0", "1.0"],
    ["10.0", "1.0"],
    ["", "1.0"],
    ["latest", "1.0"],
    ["0", "1.0"],
  ] as const)("%s is %s", (version, profile) => {
    expect(profileOf(version)).toBe(profile);
  });
});

test("a peer of 1.0 gets the same objects", () => {
  const stream = [e.runStarted(), e.text("m1"), finished({ outcome: { type: "cancelled" } })];
  const { events, warnings } = downgrade(stream, "1.0");
  expect(events.every((event, index) => event === stream[index])).toBe(true);
  expect(warnings).toEqual([]);
});

describe("a peer of 0.x", () => {
  test("gets what it understands as the same objects", () => {
    const stream: AguiEvent[] = [
      e.unparsed({ ...e.runStarted(), protocolVersion: "1.0", parentRunId: "r0" }),
      e.textStart("m1", { metadata: { k: 1 } }),
      e.text("m1", ""),
      e.subagentStarted("s1"),
      e.toolResult("c1", "m2"),
      finished({
        outcome: { type: "interrupt", interrupts: [{ id: "i1", reason: "approval", subagentRunId: "s1" }] },
      }),
      e.runStarted(),
      finished({ usage: [{ inputTokens: 1, cacheWriteInputTokens: 2 }], outcome: { type: "success" } }),
      e.runError,
    ];
    const { events, warnings } = downgrade(stream);
    expect(events.every((event, index) => event === stream[index])).toBe(true);
    expect(events).toHaveLength(stream.length);
    expect(warnings).toEqual([]);
  });

  test("gets an error for a cancelled run, and no second end", () => {
    const cancelled = finished({
      outcome: { type: "cancelled" },
      result: 1,
      usage: [{ inputTokens: 1 }],
      timestamp: 5,
      metadata: { k: 1 },
    });
    const { events, warnings } = downgrade([cancelled, e.runError, e.runStarted(), e.runError]);
    expect(events).toEqual([
      {
        type: "RUN_ERROR",
        message: "The run was cancelled.",
        code: "cancelled",
        usage: [{ inputTokens: 1 }],
        timestamp: 5,
        metadata: { k: 1 },
      },
      e.runStarted(),
      e.runError,
    ]);
    expect(warnings).toEqual(["RUN_ERROR after a cancelled run is dropped: it broke"]);
  });

  test("gets a success without pending tool calls", () => {
    const { events } = downgrade([
      finished({ outcome: { type: "success", pendingToolCallIds: ["c1"] }, result: 1 }),
    ]);
    expect(events).toEqual([finished({ outcome: { type: "success" }, result: 1 })]);
  });

  test("gets tools' answers as text", () => {
    const result = (content: unknown): AguiEvent =>
      e.unparsed({ ...e.toolResult("c1", "m1"), content, metadata: { k: 1 } });
    const { events, warnings } = downgrade([
      result(parts),
      result([]),
      result([{ type: "text", text: "c" }]),
    ]);
    expect(events).toEqual([result("ab"), result(""), result("c")]);
    expect(warnings).toEqual(["TOOL_CALL_RESULT 'm1' loses 2 parts that are no text."]);
  });

  test("gets the messages of a snapshot in its own form", () => {
    const before = structuredClone(messages);
    const { events, warnings } = downgrade([{ type: "MESSAGES_SNAPSHOT", messages, metadata: { k: 1 } }]);
    expect(events).toEqual([{ type: "MESSAGES_SNAPSHOT", messages: downgraded, metadata: { k: 1 } }]);
    expect(warnings).toEqual(lost);
    expect(messages).toEqual(before);
  });

  test("gets the echo of an input with the lists that it requires", () => {
    const input: RunAgentInput = { threadId: "t1", runId: "r1", messages };
    const { events, warnings } = downgrade([e.unparsed({ ...e.runStarted(), input })]);
    expect(events).toEqual([
      e.unparsed({ ...e.runStarted(), input: { ...input, messages: downgraded, tools: [], context: [] } }),
    ]);
    expect(warnings).toEqual(lost);
    const tools = [{ name: "search", description: "" }];
    const [event] = downgrade([e.unparsed({ ...e.runStarted(), input: { ...input, tools } })]).events;
    expect(event).toMatchObject({ input: { tools, context: [] } });
  });
});

test("downgradeMessage returns a message that fits as it is", () => {
  for (const message of downgraded) expect(downgradeMessage(message)).toBe(message);
});

test("downgradeInput makes an input that agents of 0.x accept", () => {
  const input: RunAgentInput = {
    threadId: "t1",
    runId: "r1",
    messages,
    protocolVersion: "1.0",
    parentRunId: "r0",
  };
  expect(downgradeInput(input)).toEqual({
    threadId: "t1",
    runId: "r1",
    parentRunId: "r0",
    messages: downgraded,
    state: {},
    tools: [],
    context: [],
    forwardedProps: {},
  });
  const full = {
    ...input,
    state: [1],
    tools: [],
    context: [{ description: "d", value: "v" }],
    forwardedProps: { k: 1 },
  };
  expect(downgradeInput(full)).toMatchObject({ state: [1], context: full.context, forwardedProps: { k: 1 } });
});
