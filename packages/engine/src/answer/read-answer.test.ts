import type { AguiEvent, Message } from "@dragoman/agui";
import { expect, test } from "vitest";
import { EngineError } from "../errors.ts";
import { agentOf, attach, engineWith, input, key, request, user } from "../testing/harness.ts";
import { readAnswer } from "./read-answer.ts";

const start = (messageId: string, more: object = {}): AguiEvent => {
  return { type: "TEXT_MESSAGE_START", messageId, role: "assistant", ...more };
};
const content = (messageId: string, delta: string): AguiEvent => {
  return { type: "TEXT_MESSAGE_CONTENT", messageId, delta };
};
const end = (messageId: string): AguiEvent => ({ type: "TEXT_MESSAGE_END", messageId });
const says = (messageId: string, text: string) => [
  start(messageId),
  content(messageId, text),
  end(messageId),
];
const assistant = (id: string, text: string): Message => ({ id, role: "assistant", content: text });

/** The answer of a run that emits these events and then finishes. */
async function answerTo(events: readonly AguiEvent[], maxBytes = 100) {
  const agent = agentOf(async function* ({ threadId, runId }) {
    yield* events;
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1", [user("u1")])), attach());
  try {
    return await readAnswer(attachment, maxBytes, () => engine.getRun(key, "r1"));
  } finally {
    attachment.close();
  }
}

const contentOf = async (events: readonly AguiEvent[], maxBytes?: number) =>
  (await answerTo(events, maxBytes)).content;

test("is the last message with text that the agent itself wrote", async () => {
  expect(await contentOf([])).toBe("");
  expect(await contentOf([...says("a", "let me look"), ...says("b", "42")])).toBe("42");
  expect(await contentOf([...says("a", "42"), start("b"), end("b")]), "an empty one says nothing").toBe("42");
  expect(
    await contentOf([...says("a", "42"), start("u", { role: "user" }), content("u", "no"), end("u")]),
  ).toBe("42");
  const theirs = [
    { type: "SUBAGENT_STARTED", subagentRunId: "s", name: "s" } as const,
    start("s1", { subagentRunId: "s" }),
    content("s1", "theirs"),
    end("s1"),
    { type: "SUBAGENT_FINISHED", subagentRunId: "s" } as const,
  ];
  expect(await contentOf([...says("a", "mine"), ...theirs])).toBe("mine");
});

test("messages that are written at once are told apart; the one that began last is the answer", async () => {
  const mixed = [start("a"), start("b"), content("b", "2"), content("a", "1"), content("b", "2")];
  expect(await contentOf([...mixed, content("a", "1"), end("b"), end("a")])).toBe("22");
});

test("follows a snapshot that shows what was asked, and no other", async () => {
  const snapshot = (...messages: Message[]): AguiEvent => ({ type: "MESSAGES_SNAPSHOT", messages });
  const said = says("a", "as it was");
  expect(await contentOf([...said, snapshot(user("u1"), assistant("a", "rewritten"))])).toBe("rewritten");
  expect(await contentOf([...said, snapshot(assistant("x", "of another time"))])).toBe("as it was");
  expect(await contentOf([...said, snapshot(assistant("x", "before"), user("u1"))])).toBe("");
  const open = [start("a"), content("a", "as ")];
  expect(
    await contentOf([...open, snapshot(user("u1"), assistant("a", "now ")), content("a", "it is"), end("a")]),
  ).toBe("now it is");
});

test("holds so much text and no more, of the answer and of what is written beside it", async () => {
  expect(await contentOf(says("a", "ä".repeat(5)), 10)).toBe("ä".repeat(5));
  const refused: unknown = await contentOf(says("a", "ä".repeat(6)), 10).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(EngineError);
  expect(refused).toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "answerMaxBytes", value: "10" },
  });
  const long = says("long", "x".repeat(11));
  expect(await contentOf([...long, ...says("short", "0123456789")], 10), "what is not the answer").toBe(
    "0123456789",
  );
  const many = Array.from({ length: 50 }, (_, index) => says(`m${index}`, "0123456789")).flat();
  expect(await contentOf(many, 20), "what is over is let go").toBe("0123456789");
});

test("a run that fails has no answer", async () => {
  const failing = answerTo([{ type: "RUN_ERROR", message: "no luck", code: "OUT_OF_LUCK" }]);
  await expect(failing).rejects.toMatchObject({
    reason: "RUN_FAILED",
    metadata: { session_id: "t", run_id: "r1", code: "OUT_OF_LUCK" },
    message: 'the run "r1" failed (OUT_OF_LUCK): no luck',
  });
});
