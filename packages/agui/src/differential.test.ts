import fc from "fast-check";
import { expect, test } from "vitest";
import { anyEvent, expandedEvent, messages, validRun } from "../test/arbitrary-streams.ts";
import { playToStockClient } from "../test/stock-client.ts";
import { createExpander } from "./expand/expander.ts";
import { snapshotPrelude } from "./reduce/prelude.ts";
import { createReducer } from "./reduce/reducer.ts";
import type { AguiEvent, Message } from "./types.ts";
import { ViolationError } from "./verify/rules.ts";
import { createVerifier } from "./verify/verifier.ts";

/** Our pipeline and the stock client's have to come to the same verdict, events, messages and state. */

interface Ours {
  readonly error: ViolationError | undefined;
  readonly events: AguiEvent[];
  readonly reducer: ReturnType<typeof createReducer>;
  readonly verifier: ReturnType<typeof createVerifier>;
}

function playToOurs(stream: readonly AguiEvent[], initial: readonly Message[] = []): Ours {
  const reducer = createReducer({ messages: initial });
  const verifier = createVerifier();
  const expander = createExpander();
  const events: AguiEvent[] = [];
  let error: ViolationError | undefined;
  try {
    for (const event of stream) {
      expander.push(event, (expanded) => {
        verifier.push(expanded);
        reducer.push(expanded);
        events.push(expanded);
      });
    }
  } catch (thrown) {
    if (!(thrown instanceof ViolationError)) throw thrown;
    error = thrown;
  }
  return { error, events, reducer, verifier };
}

/** As a client would get it from a wire: no undefined fields, no shared objects. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const runs = { numRuns: 200 };

test("a valid stream gives the stock client and us the same events, messages and state", async () => {
  await fc.assert(
    fc.asyncProperty(validRun(anyEvent), messages, async (stream, initial) => {
      const before = structuredClone(stream);
      const stock = await playToStockClient(stream, { messages: initial });
      const ours = playToOurs(stream, initial);
      expect(stock.error).toBeUndefined();
      expect(ours.error).toBeUndefined();
      expect(ours.events).toEqual(stock.events);
      expect(plain(ours.reducer.messages)).toEqual(plain(stock.messages));
      expect(plain(ours.reducer.snapshotMessages().map(({ id }) => id))).toEqual(
        stock.messages.map(({ id }) => id),
      );
      expect(ours.reducer.state).toEqual(stock.state);
      expect(ours.reducer.pendingInterrupts).toEqual(stock.pendingInterrupts);
      expect(stream).toEqual(before);
    }),
    runs,
  );
});

test("whatever event comes next, the stock client and we refuse it or do not", async () => {
  await fc.assert(
    fc.asyncProperty(
      validRun(anyEvent, { maxLength: 40 }),
      fc.array(anyEvent, { minLength: 1, maxLength: 5 }),
      async (stream, next) => {
        const stock = await playToStockClient([...stream, ...next]);
        const ours = playToOurs([...stream, ...next]);
        expect(ours.error?.message ?? "accepted").toBe(stock.error ? ours.error?.message : "accepted");
      },
    ),
    { numRuns: 500 },
  );
});

test("what closeOpen gives lets a run finish, whatever was open", async () => {
  await fc.assert(
    fc.asyncProperty(validRun(expandedEvent), async (stream) => {
      const { verifier } = playToOurs(stream);
      if (!verifier.isRunActive) return;
      const end: AguiEvent[] = [
        ...verifier.closeOpen(),
        { type: "RUN_FINISHED", threadId: "t1", runId: "r1", outcome: { type: "cancelled" } },
      ];
      const stock = await playToStockClient([...stream, ...end]);
      expect(stock.error).toBeUndefined();
      for (const event of end) verifier.push(event);
      verifier.end();
    }),
    runs,
  );
});

/**
 * Where two messages have one id, no snapshot can say which of them an event means: a result or a reasoning
 * message or an activity under the id of another message, or a tool call under that of a message without it. And
 * only an assistant's message can carry a call.
 */
const eventWithUniqueIds = expandedEvent.filter((event) => {
  if (event.type === "TOOL_CALL_START") return event.toolCallId !== "m1" && event.parentMessageId !== "c1";
  if (event.type === "TEXT_MESSAGE_START")
    return event.messageId !== "c1" && (event.role ?? "assistant") === "assistant";
  if (event.type === "ACTIVITY_SNAPSHOT") return event.messageId !== "m3";
  if (event.type === "MESSAGES_SNAPSHOT") return event.messages.every(isApart);
  if (event.type === "RUN_STARTED") return (event.input?.messages ?? []).every(isApart);
  return event.type.startsWith("SUBAGENT") || !("messageId" in event) || event.messageId !== "c1";
});

function isApart(message: Message): boolean {
  const isOthers =
    message.role !== "assistant" && message.role !== "reasoning" && message.role !== "activity";
  if (isOthers && message.subagentRunId !== undefined) return false;
  if (message.id !== "c1") return true;
  return message.role === "assistant" && message.toolCalls?.some(({ id }) => id === "c1") === true;
}

function withUniqueIds(event: AguiEvent, index: number): AguiEvent {
  if (event.type === "TOOL_CALL_RESULT") return { ...event, messageId: `t${index}` };
  if (event.type === "MESSAGES_SNAPSHOT") return { ...event, messages: event.messages.map(withReasoningId) };
  if (event.type === "RUN_STARTED" && event.input !== undefined) {
    return { ...event, input: { ...event.input, messages: event.input.messages.map(withReasoningId) } };
  }
  if (!event.type.startsWith("REASONING") || !("messageId" in event)) return event;
  return { ...event, messageId: `r-${event.messageId}` } as AguiEvent;
}

function withReasoningId(message: Message): Message {
  return message.role === "reasoning" ? { ...message, id: `r-${message.id}` } : message;
}

test("a client that joins by a snapshot reaches the messages and state of one that was there", async () => {
  await fc.assert(
    fc.asyncProperty(
      validRun(eventWithUniqueIds, { withHistory: true, prepare: withUniqueIds }),
      fc.nat(),
      async (stream, where) => {
        const cut = 1 + (where % stream.length);
        const { reducer, verifier } = playToOurs(stream.slice(0, cut));
        if (!verifier.isRunActive) return;
        const prelude = snapshotPrelude(
          { type: "RUN_STARTED", threadId: "t1", runId: "r1" },
          verifier,
          reducer,
        );
        const joined = await playToStockClient([...prelude, ...stream.slice(cut)]);
        const there = await playToStockClient(stream);
        expect(there.error).toBeUndefined();
        expect(joined.error).toBeUndefined();
        expect(untagged(joined.messages)).toEqual(untagged(there.messages));
        expect(joined.state).toEqual(there.state);
      },
    ),
    runs,
  );
});

/** Without the owners of reasoning, which the snapshot knows better than the client that was there. */
function untagged(list: readonly Message[]): unknown {
  return list.map((message) => {
    if (message.role !== "reasoning") return message;
    const { subagentRunId: _, ...rest } = message;
    return rest;
  });
}
