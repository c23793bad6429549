import type { ContentPart, Message } from "@dragoman/agui";
import { describe, expect, test } from "vitest";
import { chatMessages } from "./chat-messages.ts";
import { inputOf } from "./testing/run-agent.ts";

const convert = (messages: Message[]) => chatMessages(inputOf(messages), undefined);
const called = (...ids: string[]): Message => ({
  id: `a-${ids}`,
  role: "assistant",
  toolCalls: ids.map((id) => ({ id, type: "function", function: { name: "f", arguments: "{}" } })),
});
const result = (toolCallId: string, content: string): Message => ({
  id: `t-${content}`,
  role: "tool",
  toolCallId,
  content,
});

describe("roles", () => {
  test("are those of the API; activity and reasoning are left out", () => {
    expect(
      convert([
        { id: "1", role: "system", content: "s" },
        { id: "2", role: "developer", content: "d" },
        { id: "3", role: "user", content: "u", name: "Ann" },
        { id: "4", role: "reasoning", content: "hm" },
        { id: "5", role: "activity", activityType: "PLAN", content: { a: 1 } },
        { id: "6", role: "assistant", content: "a" },
        { id: "7", role: "assistant" },
        { id: "8", role: "assistant", content: "" },
      ]),
    ).toEqual([
      { role: "system", content: "s" },
      { role: "system", content: "d" },
      { role: "user", content: "u" },
      { role: "assistant", content: "a" },
    ]);
  });

  test("the system prompt and the application's context come first, as one message", () => {
    const input = inputOf("hi", {
      context: [
        { description: "page", value: "cart" },
        { description: "user", value: "Ann" },
      ],
    });
    expect(chatMessages(input, "Be brief.")[0]).toEqual({
      role: "system",
      content: "Be brief.\n\nWhat the application says about the situation:\n- page: cart\n- user: Ann",
    });
    expect(chatMessages(inputOf("hi"), "Be brief.")[0]).toEqual({ role: "system", content: "Be brief." });
    expect(chatMessages(inputOf("hi"), undefined)).toEqual([{ role: "user", content: "hi" }]);
  });
});

describe("tool calls", () => {
  test("have their results right behind them, in their order", () => {
    const messages = convert([
      called("1", "2"),
      { id: "u", role: "user", content: "well?" },
      result("2", "second"),
      result("1", "first"),
    ]);
    expect(messages.map((message) => message.content)).toEqual([null, "first", "second", "well?"]);
  });

  test("without a result get one that says so; results without a call are left out", () => {
    expect(convert([called("1"), result("9", "orphan"), { id: "u", role: "user", content: "next" }])).toEqual(
      [
        expect.objectContaining({ role: "assistant" }),
        { role: "tool", tool_call_id: "1", content: "No result: the call was not completed." },
        { role: "user", content: "next" },
      ],
    );
  });

  test("with the same id in different turns keep their own results", () => {
    const messages = convert([called("x"), result("x", "one"), called("x"), result("x", "two")]);
    expect(messages.map((message) => message.content)).toEqual([null, "one", null, "two"]);
  });

  test("that failed say so, and parts become text", () => {
    const parts: ContentPart[] = [
      { type: "text", text: "see" },
      { type: "image", source: { type: "url", value: "https://x/y.png" } },
    ];
    expect(
      convert([
        called("1", "2"),
        { id: "t1", role: "tool", toolCallId: "1", content: "", error: "denied" },
        { id: "t2", role: "tool", toolCallId: "2", content: parts },
      ]).slice(1),
    ).toEqual([
      { role: "tool", tool_call_id: "1", content: "Error: denied" },
      {
        role: "tool",
        tool_call_id: "2",
        content: "see\n[image at https://x/y.png, which this model is not shown]",
      },
    ]);
  });
});

test.each<[ContentPart, unknown]>([
  [
    { type: "text", text: "hello", id: "p", metadata: { a: 1 } },
    { type: "text", text: "hello" },
  ],
  [
    { type: "image", source: { type: "url", value: "https://x/y.png" } },
    { type: "image_url", image_url: { url: "https://x/y.png" } },
  ],
  [
    { type: "image", source: { type: "data", value: "QQ==", mimeType: "image/png" } },
    { type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } },
  ],
  [
    { type: "image", source: { type: "file", value: "file-1" } },
    { type: "text", text: "[image, which this model is not shown]" },
  ],
  [
    { type: "audio", source: { type: "data", value: "QQ==", mimeType: "audio/mpeg" } },
    { type: "input_audio", input_audio: { data: "QQ==", format: "mp3" } },
  ],
  [
    { type: "audio", source: { type: "data", value: "QQ==", mimeType: "audio/ogg" } },
    { type: "text", text: "[audio, which this model is not shown]" },
  ],
  [
    { type: "audio", source: { type: "url", value: "https://x/y.mp3" } },
    { type: "text", text: "[audio at https://x/y.mp3, which this model is not shown]" },
  ],
  [
    { type: "document", source: { type: "data", value: "QQ==", mimeType: "application/pdf" } },
    { type: "file", file: { file_data: "data:application/pdf;base64,QQ==", filename: "document.pdf" } },
  ],
  [
    { type: "document", source: { type: "file", value: "file-1", provider: "openai" } },
    { type: "file", file: { file_id: "file-1" } },
  ],
  [
    { type: "document", source: { type: "url", value: "https://x/y.pdf" } },
    { type: "text", text: "[document at https://x/y.pdf, which this model is not shown]" },
  ],
  [
    { type: "video", source: { type: "data", value: "QQ==", mimeType: "video/mp4" } },
    { type: "text", text: "[video, which this model is not shown]" },
  ],
])("the part %j becomes %j", (part, expected) => {
  expect(convert([{ id: "u", role: "user", content: [part] }])).toEqual([
    { role: "user", content: [expected] },
  ]);
});
