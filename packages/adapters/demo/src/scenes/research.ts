import type { Play, Scene } from "../scene.ts";
import { type Part, say, think } from "../speak.ts";
import type { Stage } from "../stage.ts";

/** The subagent, as capabilities show it. */
export const researcher = { name: "researcher", description: "Looks things up in a very small library." };

/** What the researcher can find, by a word of the topic. */
const library: Readonly<Record<string, string>> = {
  dragoman:
    "A dragoman was an interpreter and guide between courts that shared no language. Here it is a server between agents and the people who use them.",
  agui: "AG-UI is a protocol of events between agents and user interfaces: text, tool calls, state, questions to people, subagents.",
  grpc: "gRPC carries typed calls and streams over HTTP/2, with a status at the end that tells a complete stream from a cut one.",
  connect: "Connect serves the same typed calls over plain HTTP, so that browsers and curl can make them.",
  sse: "Server-sent events are a text stream over HTTP. Each event may have an id, from which a client can go on.",
  patch: "JSON Patch (RFC 6902) says what to change in a document: add, remove, replace, move, copy, test.",
  tea: "Green and black tea are leaves of the same plant; what differs is how long they oxidise.",
};

/** A subagent: everything it does is attributed to it. */
export const research: Scene = {
  about: "send a subagent to look something up",
  example: "research gRPC",
  match({ text }) {
    const topic =
      /^(?:research|investigate|look into|look up|find out(?: more)? about|tell me about) (.+)$/i.exec(
        text,
      )?.[1];
    return topic === undefined ? undefined : (stage) => delegate(stage, topic);
  },
};

async function* delegate(stage: Stage, topic: string): Play {
  yield* say(stage, `I ask my researcher about ${topic}.`);
  const parentToolCallId = yield* stage.events.toolCall({ name: "ask_researcher", args: { topic } });
  const report = yield* stage.events.subagent({ ...researcher, parentToolCallId }, (events) =>
    // What is played on this stage is the subagent's own.
    investigate({ ...stage, events }, topic),
  );
  yield stage.events.toolResult(parentToolCallId, report);
  yield* say(stage, `The researcher reports: ${report}`);
  return undefined;
}

async function* investigate(stage: Stage, topic: string): Part<string> {
  const found = yield* stage.events.step("look it up", () => lookUp(stage, topic));
  const report = found ?? `There is nothing about ${topic} in my library, only about ${topics().join(", ")}.`;
  yield* say(stage, report);
  return report;
}

async function* lookUp(stage: Stage, topic: string): Part<string | undefined> {
  yield* think(stage, `Which shelf would ${topic} be on?`);
  const words = topic.toLowerCase().replace(/[^a-z]/g, "");
  const key = topics().find((word) => words.includes(word));
  const found = key === undefined ? undefined : library[key];
  yield* stage.events.toolCall({
    name: "search_library",
    args: { query: topic },
    result: { found: found ?? null },
  });
  return found;
}

function topics(): string[] {
  return Object.keys(library);
}
