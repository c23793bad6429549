import type { AguiEvent, JsonObject } from "@dragoman/agui";
import { createRandom, letters, pick, type Random, uuid } from "./random.ts";

/** How many text deltas a step of the mix has; with the rest, a run has about a thousand events. */
const TEXT_DELTAS = 138;
const REASONING_DELTAS = 20;
const ARGUMENT_DELTAS = 22;
const STATE_PATCHES = 6;
const STEPS = 5;

/**
 * The workload: one run of an agent that thinks, writes, calls a tool and keeps a state, about 1,000 events.
 * Four of five are deltas of 1 to 20 characters, as language models stream them. The same seed makes the
 * same run.
 */
export function makeRun(seed = 1): AguiEvent[] {
  const random = createRandom(seed);
  const ids = { threadId: uuid(random), runId: uuid(random) };
  return [
    { type: "RUN_STARTED", ...ids },
    { type: "STATE_SNAPSHOT", snapshot: makeState(random, 1) },
    ...Array.from({ length: STEPS }, (_, step) => makeStep(random, step)).flat(),
    { type: "RUN_FINISHED", ...ids, outcome: { type: "success" } },
  ];
}

function makeStep(random: Random, step: number): AguiEvent[] {
  const messageId = uuid(random);
  return [
    { type: "STEP_STARTED", stepName: `step_${step}` },
    ...makeReasoning(random),
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    ...makeTextDeltas(random, messageId, TEXT_DELTAS),
    { type: "TEXT_MESSAGE_END", messageId },
    ...makeToolCall(random, messageId, step),
    ...Array.from({ length: STATE_PATCHES }, () => makePatch(random)),
    { type: "STEP_FINISHED", stepName: `step_${step}` },
  ];
}

function makeReasoning(random: Random): AguiEvent[] {
  const messageId = uuid(random);
  return [
    { type: "REASONING_START", messageId },
    { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
    ...Array.from({ length: REASONING_DELTAS }, (): AguiEvent => {
      return { type: "REASONING_MESSAGE_CONTENT", messageId, delta: makeDelta(random) };
    }),
    { type: "REASONING_MESSAGE_END", messageId },
    { type: "REASONING_END", messageId },
  ];
}

/** Deltas of one text message. */
export function makeTextDeltas(random: Random, messageId: string, count: number): AguiEvent[] {
  return Array.from({ length: count }, () => {
    return { type: "TEXT_MESSAGE_CONTENT", messageId, delta: makeDelta(random) };
  });
}

function makeToolCall(random: Random, parentMessageId: string, step: number): AguiEvent[] {
  const toolCallId = letters(random, "call_", 24);
  const text = JSON.stringify({
    query: WORDS.slice(step * 7, step * 7 + 9).join(" "),
    limit: 10,
    filters: { lang: "en", since: "2025-01-01", tags: ["a", "b", WORDS[step]] },
  });
  const results = Array.from({ length: 3 }, (_, index) => ({
    id: letters(random, "doc_", 8),
    score: Math.round(random() * 1e4) / 1e4,
    title: WORDS.slice(index * 5, index * 5 + 6).join(" "),
  }));
  return [
    { type: "TOOL_CALL_START", toolCallId, toolCallName: "search_documents", parentMessageId },
    ...cut(random, text, ARGUMENT_DELTAS).map(
      (delta): AguiEvent => ({ type: "TOOL_CALL_ARGS", toolCallId, delta }),
    ),
    { type: "TOOL_CALL_END", toolCallId },
    {
      type: "TOOL_CALL_RESULT",
      messageId: uuid(random),
      toolCallId,
      role: "tool",
      content: JSON.stringify({ results }),
    },
  ];
}

/** Cuts a text into so many pieces at random places. */
function cut(random: Random, text: string, pieces: number): string[] {
  const places = Array.from({ length: pieces - 1 }, () => 1 + Math.floor(random() * (text.length - 1))).sort(
    (a, b) => a - b,
  );
  return [...places, text.length].map((end, index) => text.slice(places[index - 1] ?? 0, end));
}

function makePatch(random: Random): AguiEvent {
  const progress = { op: "replace" as const, path: "/progress/percent", value: Math.floor(random() * 100) };
  const value = { id: letters(random, "it_", 6), label: pick(random, WORDS), done: random() < 0.5 };
  const item = { op: "add" as const, path: "/items/-", value };
  return { type: "STATE_DELTA", delta: random() < 0.5 ? [progress] : [progress, item] };
}

/** A state like those of real applications: nested objects, lists of items, all kinds of values. */
export function makeState(random: Random, scale: number): JsonObject {
  return {
    title: "Draft report",
    progress: { percent: 10, stage: "research" },
    items: Array.from({ length: 8 * scale }, (_, index) => ({
      id: letters(random, "it_", 6),
      label: `${WORDS[(index * 13) % WORDS.length]} ${WORDS[(index * 7) % WORDS.length]}`,
      done: index % 3 === 0,
      score: Math.round(random() * 1000) / 1000,
      tags: ["a", "b"],
    })),
    settings: { model: "x-1", temperature: 0.2, stream: true, stop: null },
  };
}

/** What a model says at once: a word or two, punctuation, now and then something that is not ASCII. */
function makeDelta(random: Random): string {
  const kind = random();
  if (kind < 0.12) return pick(random, PUNCTUATION);
  if (kind < 0.14) return pick(random, BEYOND_ASCII);
  let text = ` ${pick(random, WORDS)}`;
  while (random() < 0.15 && text.length < 12) text += ` ${pick(random, WORDS)}`;
  return text.slice(0, 20);
}

const PUNCTUATION = [",", ".", " (", ")", "\n", "\n\n", ":", "-", ' "', '"'];
const BEYOND_ASCII = [" café", " naïve", "—", "…", " “", "” ", " 東", "京", " é", "✓"];
const WORDS =
  `the of and to in is that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will no more if out so up said what its about
than into them can only other time new some could these two may first then do any like my now over such our man me even
most made after also did many off before must well back through years where much your way down should because long each
just those people too good very make world still see work life get here between both being under three never know same
another while last might us great go come since against right came take used himself few house american use place during
without again home around small however found mrs thought went say part once general high upon school every does got
united left number course war until always something fact water less public put think almost hand enough far took head
yet government system better set told nothing night end why called eyes find going look asked later point knew next city
business case group toward young order second interest early national important possible program several large quite
member social development information`.split(/\s+/);
