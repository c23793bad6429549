import {
  createExpander,
  createReducer,
  createUpgrader,
  createVerifier,
  hasBinaryForm,
  type Message,
  parseEvent,
  UnknownEventTypeError,
} from "@dragoman/agui";
import { describe, expect, test } from "vitest";
import { loadOfficialCorpus, loadOwnCorpus } from "./corpus.ts";
import { withoutMadeUpId } from "./made-up.ts";
import { inProcessAgent, observe, plain } from "./observe.ts";
import type { Stream } from "./stream.ts";

const own = loadOwnCorpus().streams;
/** A pinned client bends the stream itself; our parts speak AG-UI 1.0. */
const official = loadOfficialCorpus().streams.filter((stream) => stream.client === undefined);
/** No client minds foreign ids; our verifier does, and a server writes its own before it asks. */
const streams = [...own, ...official].filter((stream) => !stream.rules?.includes("foreign-ids"));

describe("our parser, expander, verifier and reducer make of a stream what the stock client makes of it", () => {
  test.each(streams)("$area: $name", async (stream) => {
    const ours = fold(stream);
    const theirs = await observe(stream, inProcessAgent(stream));
    expect(ours.outcome, ours.error).toBe(theirs.outcome);
    if (theirs.outcome === "failed") return;
    expect(ours.types).toEqual(theirs.events.map((event) => event.type));
    expect(ours.messages.map(withoutMadeUpId)).toEqual(theirs.messages.map(withoutMadeUpId));
    expect(ours.state).toEqual(theirs.state);
  });
});

describe("the streams of our own corpus that only JSON can carry", () => {
  test.each(own)("$area: $name", (stream) => {
    expect(stream.stream.every((event) => hasBinaryForm(event))).toBe(stream.jsonOnly !== true);
  });
});

/** Takes a stream in with our own parts, as a client would. */
function fold(stream: Stream) {
  const upgrader = createUpgrader();
  const expander = createExpander();
  const verifier = createVerifier();
  const reducer = createReducer({ messages: (stream.input?.messages ?? []) as Message[] });
  const types: string[] = [];
  let error: string | undefined;
  try {
    for (const value of structuredClone(stream.stream)) {
      const event = read(upgrader.push(value));
      if (event === undefined) continue;
      expander.push(event, (expanded) => {
        verifier.push(expanded);
        reducer.push(expanded);
        types.push(expanded.type);
      });
    }
  } catch (thrown) {
    error = String(thrown);
  }
  const outcome = error === undefined ? "completed" : "failed";
  const messages: readonly object[] = plain(reducer.messages);
  return { outcome, error, types, messages, state: plain(reducer.state) };
}

/** The event as AG-UI 1.0 has it; undefined if it does not know its type. */
function read(value: unknown) {
  try {
    return parseEvent(value).event;
  } catch (error) {
    if (error instanceof UnknownEventTypeError) return undefined;
    throw error;
  }
}
