import {
  type AguiEvent,
  createVerifier,
  decodeEvent,
  encodeEvent,
  type RunStartedEvent,
} from "@dragoman/agui";
import { describe, expect, it } from "vitest";
import type { AgentOutput } from "./agent.ts";
import { AgentError, AgentUnavailableError } from "./errors.ts";
import { createRunPipeline, type PipelineWarning, type RunPipelineOptions } from "./pipeline.ts";

const started: RunStartedEvent = { type: "RUN_STARTED", threadId: "t", runId: "r", protocolVersion: "1.0" };
const finished: AguiEvent = { type: "RUN_FINISHED", threadId: "t", runId: "r" };
const start = (messageId: string): AguiEvent => ({
  type: "TEXT_MESSAGE_START",
  messageId,
  role: "assistant",
});
const content = (messageId: string, delta: string): AguiEvent => ({
  type: "TEXT_MESSAGE_CONTENT",
  messageId,
  delta,
});
const end = (messageId: string): AguiEvent => ({ type: "TEXT_MESSAGE_END", messageId });

function open(options: Partial<RunPipelineOptions> = {}) {
  const emitted: { event: AguiEvent; bytes: Uint8Array | undefined }[] = [];
  const warnings: PipelineWarning[] = [];
  const dropped: AgentOutput[] = [];
  const pipeline = createRunPipeline({
    threadId: "t",
    runId: "r",
    emit: (event, bytes) => emitted.push({ event, bytes }),
    onWarning: (warning) => warnings.push(warning),
    onDropped: (output) => dropped.push(output),
    ...options,
  });
  return { pipeline, emitted, warnings, dropped, events: () => emitted.map(({ event }) => event) };
}

/** What the pipeline makes of these outputs, RUN_STARTED left out. */
function run(...outputs: unknown[]) {
  const opened = open();
  opened.pipeline.inject(started);
  for (const output of outputs) opened.pipeline.push(output as AgentOutput);
  return { ...opened, events: opened.events().slice(1) };
}

describe("a run pipeline", () => {
  it("passes a run that keeps the rules as it is", () => {
    const outputs = [start("m"), content("m", "Hi"), content("m", ""), end("m"), finished];
    const { events, pipeline, warnings } = run(...outputs);
    expect(events).toEqual(outputs);
    expect(pipeline.isEnded).toBe(true);
    expect(warnings).toEqual([]);
  });

  it("swallows the agent's own RUN_STARTED, once, and only as its first event", () => {
    const foreign = { ...started, threadId: "other", runId: "other", input: { threadId: "x" } };
    expect(run({ ...started, threadId: "other" }, finished).events).toEqual([finished]);
    expect(run(started, started).events).toMatchObject([{ code: "PROTOCOL_VIOLATION" }]);
    expect(run(start("m"), started).events).toMatchObject(
      [
        start("m"),
        end("m"),
        { type: "RUN_ERROR", code: "PROTOCOL_VIOLATION", message: /^run_already_started: / },
      ].map((event) =>
        "message" in event ? { ...event, message: expect.stringMatching(event.message as RegExp) } : event,
      ),
    );
    expect(run(foreign).events).toMatchObject([{ type: "RUN_ERROR", code: "INVALID_EVENT" }]);
  });

  it("writes the run's own ids over foreign ones", () => {
    const { events, warnings } = run({
      type: "RUN_FINISHED",
      threadId: "a",
      runId: "b",
      result: { ok: true },
    });
    expect(events).toEqual([{ ...finished, result: { ok: true } }]);
    expect(warnings).toEqual([
      { rule: "foreign_run_id", message: "RUN_FINISHED named run 'b' of thread 'a'." },
    ]);
  });

  it("drops unknown event types and properties with a warning", () => {
    const { events, warnings } = run(
      { type: "NEW_KIND", a: 1 },
      { ...start("m"), sequence: 7 },
      end("m"),
      finished,
    );
    expect(events).toEqual([start("m"), end("m"), finished]);
    expect(warnings.map(({ rule }) => rule)).toEqual(["unknown_event_type", "unknown_property"]);
    expect(warnings.map(({ message }) => message).join()).toMatch(/NEW_KIND.*sequence/);
  });

  it.each([
    ["a wrong type", { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: 5 }, "/delta must be a string"],
    ["a missing field", { type: "TEXT_MESSAGE_END" }, "/messageId"],
    ["a wrong role", { type: "TEXT_MESSAGE_START", messageId: "n", role: "robot" }, "/role"],
    ["no type", { messageId: "m" }, "/type"],
    ["null", null, "must be an object"],
    ["nothing", undefined, "must be an object"],
    ["text", "hello", "must be an object"],
    ["a list", [content("m", "x")], "must be an object"],
    ["bytes without an event", { bytes: new Uint8Array(3) }, "must be an object"],
    [
      "an event that throws",
      {
        get type() {
          throw new Error("boom");
        },
      },
      "cannot be read: boom",
    ],
    ["a value that is too deep", { type: "CUSTOM", name: "deep", value: nested(40) }, "deep"],
    ["a value that is no JSON", { type: "CUSTOM", name: "big", value: 10n }, "bigint"],
  ])("ends in INVALID_EVENT on %s, closing what is open", (_, output, problem) => {
    const { events, pipeline } = run(start("m"), output);
    expect(events).toEqual([
      start("m"),
      end("m"),
      { type: "RUN_ERROR", code: "INVALID_EVENT", message: expect.stringContaining(problem) },
    ]);
    expect(pipeline.isEnded).toBe(true);
  });

  it("ends in PROTOCOL_VIOLATION, naming the rule and closing what is open in the right order", () => {
    const { events } = run(
      { type: "STEP_STARTED", stepName: "s" },
      start("m"),
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f" },
      content("other", "x"),
    );
    expect(events.slice(3)).toEqual([
      { type: "TOOL_CALL_END", toolCallId: "c" },
      end("m"),
      { type: "STEP_FINISHED", stepName: "s" },
      {
        type: "RUN_ERROR",
        code: "PROTOCOL_VIOLATION",
        message: expect.stringMatching(/^message_not_open: /),
      },
    ]);
  });

  it("does not accept RUN_FINISHED while something is open", () => {
    const { events } = run(start("m"), finished);
    expect(events).toEqual([
      start("m"),
      end("m"),
      {
        type: "RUN_ERROR",
        code: "PROTOCOL_VIOLATION",
        message: expect.stringMatching(/^run_finished_while_open: /),
      },
    ]);
  });

  it("leaves the agent's own RUN_ERROR alone, with something open too", () => {
    const error = { type: "RUN_ERROR", message: "no quota", code: "QUOTA" };
    expect(run(start("m"), error).events).toEqual([start("m"), error]);
  });

  it("drops and counts everything after the first terminal", () => {
    const late = { type: "RUN_ERROR", message: "late" };
    const { events, pipeline, dropped } = run(finished, late, start("m"), null);
    expect(events).toEqual([finished]);
    expect(pipeline.droppedCount).toBe(3);
    expect(dropped).toEqual([late, start("m"), null]);
    pipeline.finish();
    pipeline.fail(new Error("late"));
    pipeline.cancel();
    expect(pipeline.droppedCount).toBe(3);
  });

  it("expands chunks, and closes them where something else comes", () => {
    const { events } = run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", delta: "lo" },
      { type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "f", delta: "{}" },
      finished,
    );
    expect(events).toEqual([
      start("m"),
      content("m", "Hel"),
      content("m", "lo"),
      end("m"),
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f" },
      { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
      { type: "TOOL_CALL_END", toolCallId: "c" },
      finished,
    ]);
    expect(run({ type: "TEXT_MESSAGE_CHUNK", delta: "x" }).events).toMatchObject([
      { code: "PROTOCOL_VIOLATION" },
    ]);
    const cut = run({ type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "x" });
    cut.pipeline.finish();
    expect(cut.emitted.slice(3).map(({ event }) => event)).toMatchObject([
      end("m"),
      { code: "MISSING_TERMINAL" },
    ]);
  });

  it("upgrades what agents of AG-UI 0.x emit", () => {
    const { events, warnings } = run(
      { type: "THINKING_START", title: "Plan" },
      { type: "THINKING_TEXT_MESSAGE_START" },
      { type: "THINKING_TEXT_MESSAGE_CONTENT", delta: "hm" },
      { type: "THINKING_TEXT_MESSAGE_END" },
      { type: "THINKING_END" },
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f", parentMessageId: null },
      { type: "TOOL_CALL_END", toolCallId: "c" },
      finished,
    );
    expect(events.map(({ type }) => type)).toEqual([
      "REASONING_START",
      "REASONING_MESSAGE_START",
      "REASONING_MESSAGE_CONTENT",
      "REASONING_MESSAGE_END",
      "REASONING_END",
      "TOOL_CALL_START",
      "TOOL_CALL_END",
      "RUN_FINISHED",
    ]);
    expect(events[5]).toEqual({ type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f" });
    expect(warnings).toEqual([{ rule: "old_dialect", message: expect.stringContaining("Plan") }]);
  });

  it("says so when the terminal is missing", () => {
    const { pipeline, emitted } = run(start("m"));
    pipeline.finish();
    expect(emitted.slice(2).map(({ event }) => event)).toMatchObject([
      end("m"),
      { type: "RUN_ERROR", code: "MISSING_TERMINAL" },
    ]);
  });

  it.each([
    [new Error("no luck"), "AGENT_ERROR", "no luck"],
    ["just text", "AGENT_ERROR", "just text"],
    [{ odd: true }, "AGENT_ERROR", "The agent failed without a message."],
    [new Error(""), "AGENT_ERROR", "The agent failed without a message."],
    [new AgentError("RATE_LIMITED", "slow down"), "RATE_LIMITED", "slow down"],
    [new AgentUnavailableError("nobody there"), "AGENT_UNAVAILABLE", "nobody there"],
    [new Error("x".repeat(5000)), "AGENT_ERROR", `${"x".repeat(4096)}…`],
    [new Error("half \ud83d"), "AGENT_ERROR", "half \ufffd"],
  ])("makes RUN_ERROR of what the agent throws: %s", (error, code, message) => {
    const { pipeline, emitted } = run(start("m"));
    pipeline.fail(error);
    expect(emitted.slice(2).map(({ event }) => event)).toEqual([
      end("m"),
      { type: "RUN_ERROR", code, message },
    ]);
  });

  it("cancels with everything closed", () => {
    const { pipeline, emitted } = run(start("m"), {
      type: "SUBAGENT_STARTED",
      subagentRunId: "s",
      name: "sub",
    });
    pipeline.cancel();
    expect(emitted.slice(3).map(({ event }) => event)).toEqual([
      end("m"),
      expect.objectContaining({ type: "SUBAGENT_ERROR", subagentRunId: "s" }),
      { ...finished, outcome: { type: "cancelled" } },
    ]);
  });

  it("lets the host's own events in, and checks them too", () => {
    const { pipeline, events } = open();
    pipeline.inject(started);
    pipeline.inject({ type: "STATE_SNAPSHOT", snapshot: { a: 1 } });
    expect(events()).toEqual([started, { type: "STATE_SNAPSHOT", snapshot: { a: 1 } }]);
    expect(() => pipeline.inject(started)).toThrow("RUN_STARTED");
  });

  it("warns of an orphan tool result, and keeps it", () => {
    const orphan = { type: "TOOL_CALL_RESULT", messageId: "x", toolCallId: "nobody's", content: "?" };
    const { events, warnings } = run(orphan, finished);
    expect(events).toEqual([orphan, finished]);
    expect(warnings.map(({ rule }) => rule)).toEqual(["orphan_tool_result"]);
  });

  it("takes the host's verifier, with what it knows", () => {
    const verifier = createVerifier();
    const { pipeline, events } = open({ verifier });
    verifier.push(started);
    pipeline.push(start("m"));
    pipeline.push(finished);
    expect(events()).toMatchObject([start("m"), end("m"), { code: "PROTOCOL_VIOLATION" }]);
    expect(verifier.isRunActive).toBe(false);
  });

  it("passes what emit throws through", () => {
    const { pipeline } = open({
      emit: () => {
        throw new Error("the store is full");
      },
    });
    expect(() => pipeline.inject(started)).toThrow("the store is full");
    expect(() => pipeline.push(finished)).toThrow("the store is full");
  });
});

describe("interrupts with one id", () => {
  const interrupts = [
    { id: "a", reason: "first" },
    { id: "b", reason: "other" },
    { id: "a", reason: "second" },
  ];
  const interrupted = (count: number): AguiEvent => ({
    ...finished,
    outcome: { type: "interrupt", interrupts: interrupts.slice(0, count) },
  });

  it("are one, the first, with a warning", () => {
    const { events, warnings, emitted } = run(interrupted(3));
    expect(events).toEqual([interrupted(2)]);
    expect(warnings).toEqual([
      { rule: "duplicate_interrupt", message: expect.stringContaining("several interrupts 'a'") },
    ]);
    expect(decodeEvent(emitted.at(-1)?.bytes ?? new Uint8Array())).toEqual(interrupted(2));
  });

  it("are no matter where the ids differ", () => {
    const { events, warnings } = run(interrupted(2));
    expect(events).toEqual([interrupted(2)]);
    expect(warnings).toEqual([]);
  });
});

describe("bytes", () => {
  const encoded = (event: AguiEvent) => ({ event, bytes: encodeEvent(event) });

  it("are passed on as they came where nothing was changed", () => {
    const outputs = [start("m"), content("m", "Hi"), end("m"), finished].map(encoded);
    const { emitted } = run(...outputs);
    expect(emitted.slice(1).map(({ bytes }) => bytes)).toEqual(outputs.map(({ bytes }) => bytes));
    for (const [index, output] of outputs.entries()) expect(emitted[index + 1]?.bytes).toBe(output.bytes);
  });

  it("are made anew where something was, and for everything but plain deltas", () => {
    const custom: AguiEvent = { type: "CUSTOM", name: "n", value: [1] };
    const { emitted } = run(
      encoded({ type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "x" }),
      custom,
      encoded({ type: "RUN_FINISHED", threadId: "a", runId: "b" }),
    );
    expect(emitted.slice(1).map(({ event, bytes }) => [event, bytes && decodeEvent(bytes)])).toEqual([
      [start("m"), undefined],
      [content("m", "x"), undefined],
      [end("m"), undefined],
      [custom, custom],
      [finished, finished],
    ]);
  });

  it("show what the log will hold: numbers that JSON has not are null", () => {
    const { events } = run({ type: "STATE_SNAPSHOT", snapshot: { a: Number.NaN, b: undefined, c: 1 } });
    expect(events).toEqual([{ type: "STATE_SNAPSHOT", snapshot: { a: null, c: 1 } }]);
  });

  it("keep an event from being changed by the agent afterwards", () => {
    const state = { items: ["a"] };
    const { pipeline, emitted } = run();
    pipeline.push({ type: "STATE_SNAPSHOT", snapshot: state });
    state.items.push("b");
    expect(emitted.at(-1)?.event).toEqual({ type: "STATE_SNAPSHOT", snapshot: { items: ["a"] } });
  });
});

describe("surrogate pairs", () => {
  const wave = "👋";
  const [high = "", low = ""] = wave.split("");
  const deltasOf = (events: readonly AguiEvent[]) =>
    events.map((event) => ("delta" in event ? event.delta : event.type));

  it("stay together when a token ends between their halves", () => {
    const { events } = run(start("m"), content("m", `a${high}`), content("m", `${low}b`), end("m"));
    expect(deltasOf(events)).toEqual(["TEXT_MESSAGE_START", "a", `${wave}b`, "TEXT_MESSAGE_END"]);
  });

  it("wait through deltas of other entities, and through a delta of nothing else", () => {
    const args = (delta: string): AguiEvent => ({ type: "TOOL_CALL_ARGS", toolCallId: "m", delta });
    const { events } = run(
      start("m"),
      { type: "TOOL_CALL_START", toolCallId: "m", toolCallName: "f" },
      content("m", high),
      args(`"${high}`),
      content("m", low),
      args(`${low}"`),
    );
    expect(deltasOf(events).slice(2)).toEqual(['"', wave, `${wave}"`]);
  });

  it("are replaced where the other half never comes", () => {
    const { events } = run(
      start("m"),
      content("m", `a${high}`),
      end("m"),
      start("n"),
      content("n", `${low}b${high}c`),
      end("n"),
    );
    expect(deltasOf(events)).toEqual([
      "TEXT_MESSAGE_START",
      "a",
      "\ufffd",
      "TEXT_MESSAGE_END",
      "TEXT_MESSAGE_START",
      "\ufffdb\ufffdc",
      "TEXT_MESSAGE_END",
    ]);
  });

  it("are replaced before the host closes what is open", () => {
    const { pipeline, emitted } = run(start("m"), content("m", high));
    pipeline.cancel();
    expect(deltasOf(emitted.map(({ event }) => event)).slice(2)).toEqual([
      "\ufffd",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
  });

  it("keep what else an event says", () => {
    const { events } = run(
      start("m"),
      { ...content("m", high), metadata: { a: 1 } },
      content("m", low),
      end("m"),
    );
    expect(events.slice(1, 3)).toEqual([{ ...content("m", ""), metadata: { a: 1 } }, content("m", wave)]);
  });

  it("stay together in events with a time", () => {
    const timed = (delta: string) => ({ ...content("m", delta), timestamp: 1 });
    const { events, emitted } = run(start("m"), timed(`a${high}`), timed(low), end("m"));
    expect(events.slice(1, 3)).toEqual([timed("a"), timed(wave)]);
    expect(emitted.slice(2, 4).map(({ bytes }) => bytes)).toEqual([undefined, undefined]);
  });

  it("of chunks and of reasoning stay together too", () => {
    const reasoning = (delta: string): AguiEvent => ({
      type: "REASONING_MESSAGE_CONTENT",
      messageId: "m",
      delta,
    });
    const { events } = run(
      { type: "REASONING_MESSAGE_START", messageId: "m", role: "reasoning" },
      reasoning(high),
      reasoning(low),
      { type: "REASONING_MESSAGE_END", messageId: "m" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "c", delta: high },
      { type: "TEXT_MESSAGE_CHUNK", delta: low },
    );
    expect(deltasOf(events)).toEqual([
      "REASONING_MESSAGE_START",
      wave,
      "REASONING_MESSAGE_END",
      "TEXT_MESSAGE_START",
      wave,
    ]);
  });
});

describe("a pipeline that does not verify", () => {
  it("passes everything as it is, adds nothing and drops nothing", () => {
    const { pipeline, events } = open({ verify: false });
    const outputs = [
      content("nobody's", "x"),
      { type: "WHAT" } as unknown as AguiEvent,
      finished,
      start("late"),
    ];
    pipeline.inject(started);
    for (const output of outputs) pipeline.push(output);
    pipeline.finish();
    expect(events()).toEqual(outputs);
    expect(pipeline).toMatchObject({ isEnded: true, droppedCount: 0 });
  });

  it("still says what the host has to say", () => {
    const lost = open({ verify: false });
    lost.pipeline.push(start("m"));
    lost.pipeline.fail(new Error("gone"));
    lost.pipeline.push(end("m"));
    expect(lost.events()).toEqual([start("m"), { type: "RUN_ERROR", code: "AGENT_ERROR", message: "gone" }]);
    expect(lost.dropped).toEqual([end("m")]);
    const cancelled = open({ verify: false });
    cancelled.pipeline.cancel();
    cancelled.pipeline.cancel();
    expect(cancelled.events()).toMatchObject([{ type: "RUN_ERROR", code: "cancelled" }]);
  });

  it("passes bytes on", () => {
    const { pipeline, emitted } = open({ verify: false });
    const bytes = encodeEvent(finished);
    pipeline.push({ event: finished, bytes });
    expect(emitted).toEqual([{ event: finished, bytes }]);
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}

describe("an end that is held back", () => {
  const call: AguiEvent[] = [
    { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f" },
    { type: "TOOL_CALL_END", toolCallId: "c" },
  ];
  const result: AguiEvent = { type: "TOOL_CALL_RESULT", messageId: "r", toolCallId: "c", content: "1" };

  function held(...outputs: AguiEvent[]) {
    const opened = open({ hold: ({ outcome }) => outcome?.type !== "interrupt" });
    opened.pipeline.inject(started);
    for (const output of outputs) opened.pipeline.push(output);
    return { ...opened, types: () => opened.events().map(({ type }) => type) };
  }

  it("waits with chunks closed, and the run goes on with another call of the agent", () => {
    const { pipeline, types, warnings, droppedCount } = Object.assign(
      held({ type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "f", delta: "{}" }, finished),
      { droppedCount: () => pipeline.droppedCount },
    );
    expect(pipeline).toMatchObject({ isEnded: false, held: finished });
    expect(types()).toEqual(["RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"]);
    pipeline.push(start("late"));
    expect(droppedCount()).toBe(1);
    pipeline.inject(result);
    pipeline.goOn("r.2");
    for (const output of [{ ...started, runId: "r.2" }, start("m"), end("m")]) pipeline.push(output);
    expect(types().slice(4)).toEqual(["TOOL_CALL_RESULT", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END"]);
    pipeline.push({ ...finished, runId: "r.2" });
    expect(pipeline.held).toEqual(finished);
    expect(warnings).toEqual([]);
    pipeline.release({ ...finished, usage: [{ model: "x" }] } as AguiEvent & { type: "RUN_FINISHED" });
    expect(pipeline).toMatchObject({ isEnded: true, held: undefined });
    expect(types().at(-1)).toBe("RUN_FINISHED");
    pipeline.release();
    expect(types().filter((type) => type === "RUN_FINISHED")).toHaveLength(1);
  });

  it("is emitted with its bytes when it is released as it was", () => {
    const { pipeline, emitted } = held(...call, finished);
    pipeline.inject(result);
    pipeline.release();
    expect(emitted.at(-1)).toEqual({ event: finished, bytes: encodeEvent(finished) });
  });

  it("is not one that breaks a rule, nor one of another kind", () => {
    expect(held(start("m"), finished).events().at(-1)).toMatchObject({ code: "PROTOCOL_VIOLATION" });
    const interrupt = { ...finished, outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "r" }] } };
    expect(held(interrupt as AguiEvent).pipeline.isEnded).toBe(true);
  });

  it.each(["cancel", "finish"] as const)("gives way to %s", (how) => {
    const { pipeline, types } = held(...call, finished);
    pipeline[how]();
    expect(pipeline).toMatchObject({ isEnded: true, held: undefined });
    expect(types().slice(3)).toEqual([how === "cancel" ? "RUN_FINISHED" : "RUN_ERROR"]);
  });
});
