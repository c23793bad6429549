import { describe, expect, test } from "vitest";
import * as e from "../../test/events.ts";
import { playToStockClient } from "../../test/stock-client.ts";
import { createUpgrader } from "./upgrade.ts";
import { upgradeInput, upgradeMessage } from "./upgrade-input.ts";

function upgrade(stream: readonly unknown[]) {
  const warnings: string[] = [];
  let ids = 0;
  const upgrader = createUpgrader({
    onWarning: (message) => warnings.push(message),
    newId: () => {
      ids += 1;
      return `new-${ids}`;
    },
  });
  return { events: stream.map((event) => upgrader.push(event)), warnings };
}

describe("THINKING becomes REASONING", () => {
  const thinking = [
    { type: "THINKING_START", title: "Plan", timestamp: 1 },
    { type: "THINKING_TEXT_MESSAGE_START", metadata: { k: 1 } },
    { type: "THINKING_TEXT_MESSAGE_CONTENT", delta: "hm" },
    { type: "THINKING_TEXT_MESSAGE_END" },
    { type: "THINKING_TEXT_MESSAGE_START" },
    { type: "THINKING_TEXT_MESSAGE_END" },
    { type: "THINKING_END" },
  ];

  test("with an id for the span and one for each message", () => {
    const { events, warnings } = upgrade(thinking);
    expect(events).toEqual([
      { type: "REASONING_START", messageId: "new-1", timestamp: 1 },
      { type: "REASONING_MESSAGE_START", messageId: "new-2", role: "reasoning", metadata: { k: 1 } },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "new-2", delta: "hm" },
      { type: "REASONING_MESSAGE_END", messageId: "new-2" },
      { type: "REASONING_MESSAGE_START", messageId: "new-3", role: "reasoning" },
      { type: "REASONING_MESSAGE_END", messageId: "new-3" },
      { type: "REASONING_END", messageId: "new-1" },
    ]);
    expect(warnings).toEqual(["The title of THINKING_START has no place in REASONING_START: Plan"]);
  });

  test("as the stock client does it, but for the ids", async () => {
    const stream = [e.runStarted(), ...thinking.map(e.unparsed), e.runFinished()];
    const { events } = await playToStockClient(stream);
    const withoutIds = (list: readonly unknown[]) =>
      list.map((event) => ({ ...(event as object), messageId: undefined }));
    expect(withoutIds(upgrade(stream).events)).toEqual(withoutIds(events));
  });

  test("and what continues nothing gets an id that the verifier does not know", () => {
    const { events, warnings } = upgrade([
      ...thinking.slice(0, 2),
      e.runStarted(),
      { type: "THINKING_TEXT_MESSAGE_CONTENT", delta: "hm" },
      { type: "THINKING_END" },
    ]);
    expect(events.slice(3)).toEqual([
      { type: "REASONING_MESSAGE_CONTENT", messageId: "new-3", delta: "hm" },
      { type: "REASONING_END", messageId: "new-4" },
    ]);
    expect(warnings.slice(1)).toEqual([
      "THINKING_TEXT_MESSAGE_CONTENT continues nothing; it gets the new id 'new-3'.",
      "THINKING_END continues nothing; it gets the new id 'new-4'.",
    ]);
  });

  test("ids are random by default", () => {
    const upgrader = createUpgrader();
    const [first, second] = [
      upgrader.push({ type: "THINKING_START" }),
      upgrader.push({ type: "THINKING_START" }),
    ];
    expect(first).toEqual({ type: "REASONING_START", messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(first).not.toEqual(second);
  });
});

test.each([
  [{ type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "x", parentMessageId: null, rawEvent: null }],
  [{ type: "TOOL_CALL_CHUNK", toolCallId: "c1", parentMessageId: null }],
  [{ type: "RUN_FINISHED", threadId: "t1", runId: "r1", result: null, outcome: null }],
  [{ type: "SUBAGENT_FINISHED", subagentRunId: "s1", result: null }],
  [{ type: "CUSTOM", name: "n", rawEvent: null }],
])("nulls for absent fields go: %j", (event) => {
  const expected = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
  expect(upgrade([event]).events).toEqual([expected]);
});

test.each([
  [{ type: "STATE_SNAPSHOT", snapshot: null }],
  [{ type: "CUSTOM", name: "n", value: null }],
  [{ type: "TEXT_MESSAGE_START", messageId: "m1", name: null }],
  [{ type: "RAW", event: { result: null } }],
  [{ type: "THINKING_OF_YOU" }],
  [{ type: "MESSAGES_SNAPSHOT", messages: [{ id: "m1", role: "user", content: "hi" }, null, 5] }],
  [{ type: "MESSAGES_SNAPSHOT", messages: "none" }],
  [{ type: "RUN_STARTED", threadId: "t1", runId: "r1" }],
  [{ type: 5 }],
  ["TEXT"],
  [null],
  [undefined],
  [[]],
])("what is not of 0.x stays as it is: %j", (event) => {
  const { events, warnings } = upgrade([event]);
  expect(events[0]).toBe(event);
  expect(warnings).toEqual([]);
});

describe("binary parts", () => {
  const binary = (fields: object) => ({ type: "binary", mimeType: "image/png", ...fields });
  const upgradeParts = (...content: unknown[]) => upgradeMessage({ id: "u1", role: "user", content });
  const withParts = (...content: unknown[]) => ({ id: "u1", role: "user", content });
  const inline = { type: "image", source: { type: "data", value: "AA==", mimeType: "image/png" } };

  test.each([
    [binary({ data: "AA==" }), inline],
    [
      binary({ data: "AA==", url: "https://x", filename: "i.png" }),
      { ...inline, metadata: { filename: "i.png" } },
    ],
    [
      binary({ url: "https://x", mimeType: "audio/mpeg" }),
      { type: "audio", source: { type: "url", value: "https://x", mimeType: "audio/mpeg" } },
    ],
    [
      binary({ id: "f1", mimeType: "video/mp4" }),
      { type: "video", source: { type: "file", value: "f1", mimeType: "video/mp4" } },
    ],
    [
      binary({ data: "AA==", mimeType: "application/pdf" }),
      { type: "document", source: { type: "data", value: "AA==", mimeType: "application/pdf" } },
    ],
  ])("become media: %j", (part, expected) => {
    expect(upgradeParts({ type: "text", text: "a" }, part)).toEqual(
      withParts({ type: "text", text: "a" }, expected),
    );
  });

  test("that mirror a media part go, unless they know more or are repeated themselves", () => {
    expect(upgradeParts(binary({ data: "AA==" }), inline)).toEqual(withParts(inline));
    expect(upgradeParts(binary({ data: "AA==" }), binary({ data: "AA==" }))).toEqual(
      withParts(inline, inline),
    );
    const named = { ...inline, metadata: { filename: "i.png" } };
    expect(upgradeParts(binary({ data: "AA==", filename: "i.png" }), inline)).toEqual(
      withParts(named, inline),
    );
    expect(upgradeParts(binary({ data: "AA==", filename: "i.png" }), named)).toEqual(withParts(named));
  });

  test("without any content are left for the parser to refuse", () => {
    const warnings: string[] = [];
    const message = withParts(binary({}));
    expect(upgradeMessage(message, (warning) => warnings.push(warning))).toEqual(message);
    expect(warnings).toHaveLength(1);
    expect(upgradeParts({ type: "binary" })).toEqual(withParts({ type: "binary" }));
  });

  test("are found in snapshots and in the echo of the input", () => {
    const old = withParts(binary({ data: "AA==" }));
    const { events } = upgrade([
      { type: "RUN_STARTED", input: { messages: [old], forwardedProps: null } },
      { type: "MESSAGES_SNAPSHOT", messages: [old] },
    ]);
    expect(events).toEqual([
      { type: "RUN_STARTED", input: { messages: [withParts(inline)] } },
      { type: "MESSAGES_SNAPSHOT", messages: [withParts(inline)] },
    ]);
  });
});

test("upgradeInput takes away nulls for absent fields, and leaves those that are values", () => {
  const input = {
    threadId: "t1",
    messages: [{ id: "u1", role: "user", content: [{ type: "image", source: {}, metadata: null }] }],
    tools: [{ name: "a", parameters: null }, { name: "b", parameters: { type: null } }, 5],
    resume: [{ interruptId: "i1", payload: null }],
    forwardedProps: null,
    state: null,
    context: null,
  };
  expect(upgradeInput(input)).toEqual({
    threadId: "t1",
    messages: [{ id: "u1", role: "user", content: [{ type: "image", source: {} }] }],
    tools: [{ name: "a" }, { name: "b", parameters: { type: null } }, 5],
    resume: [{ interruptId: "i1" }],
    context: null,
  });
  expect(upgradeInput(null)).toBeNull();
  const modern = {
    threadId: "t1",
    messages: [{ id: "u1", role: "user", content: [{ type: "text", text: "a" }] }],
  };
  expect(upgradeInput(modern)).toBe(modern);
});
