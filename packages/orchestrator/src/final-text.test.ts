import type { AguiEvent } from "@dragoman/agui";
import { expect, test } from "vitest";
import { createFinalText } from "./final-text.ts";

const start = (messageId: string, role: "assistant" | "user" = "assistant"): AguiEvent => {
  return { type: "TEXT_MESSAGE_START", messageId, role };
};
const content = (messageId: string, delta: string): AguiEvent => {
  return { type: "TEXT_MESSAGE_CONTENT", messageId, delta };
};
const textOf = (events: readonly AguiEvent[], maxLength?: number) => {
  const final = createFinalText(maxLength === undefined ? {} : { maxLength });
  for (const event of events) final.push(event);
  return { text: final.text, isCut: final.isCut };
};

test("is the last message of the assistant that has text", () => {
  const first = [start("a"), content("a", "let me "), content("a", "look")];
  expect(textOf(first)).toEqual({ text: "let me look", isCut: false });
  expect(textOf([...first, start("b"), content("b", "42")]).text).toBe("42");
  expect(textOf([...first, start("b")]).text, "an empty message says nothing").toBe("let me look");
});

test("is empty while the assistant said nothing", () => {
  expect(textOf([])).toEqual({ text: "", isCut: false });
  expect(textOf([start("u", "user"), content("u", "not mine")]).text).toBe("");
  expect(textOf([content("", "of no message")]).text).toBe("");
});

test("follows a snapshot that answers, and none that repeats what came before", () => {
  const user = { id: "u", role: "user" as const, content: "hi" };
  const answer = { id: "a", role: "assistant" as const, content: "rewritten" };
  const said = [start("a"), content("a", "as it was")];
  expect(textOf([...said, { type: "MESSAGES_SNAPSHOT", messages: [user, answer] }]).text).toBe("rewritten");
  expect(textOf([...said, { type: "MESSAGES_SNAPSHOT", messages: [answer, user] }]).text).toBe("as it was");
});

test("is never what a sub-agent says", () => {
  const theirs: AguiEvent = {
    type: "TEXT_MESSAGE_START",
    messageId: "s",
    role: "assistant",
    subagentRunId: "sub",
  };
  const events = [start("a"), content("a", "mine"), theirs, content("s", "theirs")];
  expect(textOf(events)).toEqual({ text: "mine", isCut: false });
  const messages = [
    { id: "u", role: "user" as const, content: "hi" },
    { id: "a", role: "assistant" as const, content: "mine" },
    { id: "s", role: "assistant" as const, content: "theirs", subagentRunId: "sub" },
  ];
  expect(textOf([{ type: "MESSAGES_SNAPSHOT", messages }]).text).toBe("mine");
});

test("is cut where it gets too long, never within a character", () => {
  const events = [start("a"), content("a", "12"), content("a", "3😀5"), content("a", "6")];
  expect(textOf(events, 7)).toEqual({ text: "123😀56", isCut: false });
  expect(textOf(events, 6)).toEqual({ text: "123😀5", isCut: true });
  expect(textOf(events, 4)).toEqual({ text: "123", isCut: true });
});
