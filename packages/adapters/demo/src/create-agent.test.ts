import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { describe, expect, test } from "vitest";
import { createAgent } from "./index.ts";
import { startTalk, textOf } from "./testing/talk.ts";

const typesOf = (events: readonly AguiEvent[]) => [...new Set(events.map(({ type }) => type))];
const resultOf = (events: readonly AguiEvent[]) => {
  const result = events.find(({ type }) => type === "TOOL_CALL_RESULT");
  return result?.type === "TOOL_CALL_RESULT" && typeof result.content === "string"
    ? JSON.parse(result.content)
    : undefined;
};
const colour = {
  name: "change_background",
  description: "Changes the background.",
  parameters: { type: "object", properties: { color: { type: "string" } } },
};

describe("talking", () => {
  test("is streamed word by word", async () => {
    const events = await startTalk().say("say Hello,   brave  new world");
    expect(events).toEqual([
      { type: "RUN_STARTED", threadId: "thread", runId: expect.any(String) },
      { type: "TEXT_MESSAGE_START", messageId: "id-2", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-2", delta: "Hello, " },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-2", delta: "brave " },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-2", delta: "new " },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-2", delta: "world" },
      { type: "TEXT_MESSAGE_END", messageId: "id-2" },
      { type: "RUN_FINISHED", threadId: "thread", runId: expect.any(String), outcome: { type: "success" } },
    ]);
  });

  test.each(["help", "What can you do?", "who are you", "", "   ", "?!"])(
    "%j is told what there is",
    async (text) => {
      const said = textOf(await startTalk().say(text));
      expect(said).toMatch(/^I am a demonstration/);
      expect(said).toContain('- calculate, with a tool of my own: "what is 12 * (3 + 4)"');
    },
  );

  test("what is not understood is named, and followed by what there is", async () => {
    const said = textOf(await startTalk().say(`Sing me ${"la ".repeat(100)}`));
    expect(said).toMatch(/^I do not understand "Sing me la la .*…"\. I am a demonstration/s);
  });

  test.each([
    "Hi!",
    "hello there",
    "Hello there!",
    "hey, good evening",
    "Good morning.",
    "Thanks a lot",
    "thank you!",
  ])("%j is answered", async (text) => {
    expect(textOf(await startTalk().say(text))).toMatch(/^(?:Hello!|You are welcome)/);
  });

  test("nothing at all is a question for help, and parts are read", async () => {
    expect(textOf(await startTalk().go())).toMatch(/^I am a demonstration/);
    const talk = startTalk();
    talk.messages.push({
      id: "u",
      role: "user",
      content: [
        { type: "image", source: { type: "url", value: "https://x/y.png" } },
        { type: "text", text: "Say cheese" },
      ],
    });
    expect(textOf(await talk.go())).toBe("cheese");
  });

  test.each([
    ["a lone surrogate", "say \ud83d and \ude00"],
    ["a character cut by the limit", `say ${"x".repeat(1995)}🌍🌍`],
    ["a cut item", `add ${"x".repeat(199)}🌍`],
    ["a long word", "x".repeat(1_000_000)],
    ["the beginnings of everything", "add to the list in with to ".repeat(10_000)],
    ["many brackets", "((((((((((".repeat(10_000)],
    ["many dots", `${". ".repeat(50_000)}x`],
    ["many polite words", "please ".repeat(10_000)],
    ["a prototype", "call tool __proto__ with constructor"],
  ])("%s does no harm", async (_, text) => {
    const said = textOf(await startTalk().say(text, { tools: [colour] }));
    expect(said).not.toBe("");
    expect(said.isWellFormed()).toBe(true);
  });

  test("every example of the introduction works", async () => {
    const said = textOf(await startTalk().say("help"));
    const examples = [...said.matchAll(/^- [^:]*: "(.*)"$/gm)].map(([, example]) => example!);
    expect(examples.length).toBeGreaterThan(8);
    for (const example of examples) {
      const events = await startTalk({ paceMs: 0 }).say(example.replace("slowly", "fast"), {
        tools: [colour],
      });
      expect(textOf(events), example).not.toContain("I do not understand");
      expect(textOf(events), example).not.toContain("I am a demonstration");
    }
  });
});

describe("calculating", () => {
  test("is done by a tool, after a thought", async () => {
    const events = await startTalk().say("What is 12 * (3 + 4)?");
    expect(typesOf(events)).toEqual([
      "RUN_STARTED",
      "REASONING_START",
      "REASONING_MESSAGE_START",
      "REASONING_MESSAGE_CONTENT",
      "REASONING_MESSAGE_END",
      "REASONING_END",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "TOOL_CALL_RESULT",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
    const args = events.flatMap((event) => (event.type === "TOOL_CALL_ARGS" ? [event.delta] : [])).join("");
    expect(JSON.parse(args)).toEqual({ expression: "12 * (3 + 4)" });
    expect(textOf(events)).toBe("12 * (3 + 4) = 84");
  });

  test.each([
    ["2+2", 4],
    ["please calculate 0.1 + 0.2", 0.3],
    ["how much is 7 times 6?", 42],
    ["what's 100 divided by 8", 12.5],
    ["15% of 80", 12],
    ["2 ^ 3 ^ 2 =", 512],
    ["compute -2^2", -4],
    ["what is 5 squared minus 1", 24],
    ["what is the square root of 144", 12],
    ["evaluate sqrt(2) * sqrt(2)", 2],
    ["calculate 2 x 3", 6],
    ["1,000,000 / 4", 250_000],
    ["10 mod 4", 2],
    ["add 2 and 3", 5],
    ["calculate 7", 7],
    ["calculate 2 * pi", 6.28318530718],
  ])("%j is %d", async (text, value) => {
    expect(resultOf(await startTalk().say(text))).toEqual({ value });
  });

  test.each([
    ["1/0", "Division by zero has no result."],
    ["calculate 1 % 0", "Division by zero has no result."],
    ["calculate 9^9^9", "The result is not a number, or too large for one."],
    ["calculate sqrt(-1)", "The result is not a number, or too large for one."],
    ["calculate 2 +", "The expression stops too early."],
    ["calculate (2", "A bracket is not closed."],
    ["calculate 2 2", 'I did not expect "2" there.'],
    ["calculate process.exit(1)", 'I did not expect "process" there.'],
    ["calculate constructor(1)", 'I did not expect "constructor" there.'],
    [`calculate ${"(".repeat(60)}1${")".repeat(60)}`, "The expression is nested deeper than 50."],
    [`calculate ${"-".repeat(60)}1`, "The expression is nested deeper than 50."],
    [`calculate 1${"+1".repeat(300)}`, "The expression is longer than 500 characters."],
  ])("%j has no result", async (text, error) => {
    const events = await startTalk().say(text);
    expect(resultOf(events)).toEqual({ error });
    expect(textOf(events)).toContain(error);
  });
});

describe("other tools of its own", () => {
  test.each([
    ["what time is it?", "It is Sunday 1 March 2026 at 12:30 in UTC."],
    ["What is the time in New York", "It is Sunday 1 March 2026 at 07:30 in America/New_York."],
    ["what day is it today", "It is Sunday 1 March 2026 at 12:30 in UTC."],
    ["date in europe/rome", "It is Sunday 1 March 2026 at 13:30 in Europe/Rome."],
    ["what time is it in Atlantis", "I do not know the time zone of Atlantis."],
  ])("%j: the clock", async (text, said) => {
    const events = await startTalk().say(text);
    // Versions of the calendar data differ in their commas.
    expect(textOf(events).replace(",", "")).toContain(said.replace(",", ""));
    expect(typesOf(events)).toContain("TOOL_CALL_RESULT");
  });

  test.each([
    ["convert 10 km to miles", "10 km = 6.2137119 miles"],
    ["72 F in C", "72 F = 22.222222 C"],
    ["how many feet are in 2 meters?", "2 meters = 6.5616798 feet"],
    ["how many seconds in a day", "1 day = 86400 seconds"],
    ["what is 100 km/h in mph", "100 km/h = 62.137119 mph"],
    ["convert 5 parsecs to miles", "I do not know the unit parsecs."],
    ["convert 5 miles to parsecs", "I do not know the unit parsecs."],
    ["convert 5 kg to miles", "kg is a mass, miles is a length."],
  ])("%j: units", async (text, said) => {
    expect(textOf(await startTalk().say(text))).toBe(said);
  });

  test.each([
    ["Is 91 prime?", "No, 91 is not prime: 91 = 7 * 13."],
    ["is 97 a prime number", "Yes, 97 is prime."],
    ["is 1 prime", "No, 1 is not prime: the smallest prime is 2."],
    ["is 999999937 prime", "Yes, 999999937 is prime."],
  ])("%j: reasoning", async (text, said) => {
    const events = await startTalk().say(text);
    expect(textOf(events)).toBe(said);
    expect(typesOf(events)).toContain("REASONING_MESSAGE_CONTENT");
  });
});

describe("the client's tools", () => {
  const pendingOf = (events: readonly AguiEvent[]) => {
    const last = events.at(-1);
    return last?.type === "RUN_FINISHED" && last.outcome?.type === "success"
      ? last.outcome.pendingToolCallIds
      : undefined;
  };
  const argsOf = (events: readonly AguiEvent[]) =>
    JSON.parse(events.flatMap((event) => (event.type === "TOOL_CALL_ARGS" ? [event.delta] : [])).join(""));

  test("are called, and their result is what the next run is about", async () => {
    const talk = startTalk();
    const events = await talk.say("Change the background to light blue!", { tools: [colour] });
    expect(argsOf(events)).toEqual({ color: "light blue" });
    const [toolCallId] = pendingOf(events) ?? [];
    expect(events.find(({ type }) => type === "TOOL_CALL_START")).toMatchObject({
      toolCallId,
      toolCallName: "change_background",
    });
    talk.answerTool(toolCallId!, "It is blue now.");
    expect(textOf(await talk.go({ tools: [colour] }))).toBe(
      "The tool change_background answered: It is blue now.",
    );
    expect(textOf(await talk.say("say ok", { tools: [colour] }))).toBe("ok");
  });

  test.each([
    ['call tool change_background with {"color": "red", "x": [1]}', { color: "red", x: [1] }],
    ["use CHANGE_BACKGROUND", {}],
    ["run the tool change_background with {}", {}],
  ])("%j calls it by name", async (text, args) => {
    const events = await startTalk().say(text, { tools: [colour] });
    expect(argsOf(events)).toEqual(args);
    expect(pendingOf(events)).toHaveLength(1);
  });

  test("get arguments as their schema wants them, as far as the words give any", async () => {
    const lamp = {
      name: "setLamp",
      description: "",
      parameters: {
        type: "object",
        properties: {
          room: { type: "string", enum: ["kitchen", "hall"] },
          brightness: { type: "integer" },
          on: { type: "boolean" },
          scene: { type: "object" },
        },
      },
    };
    const events = await startTalk().say("set the kitchen lamp to 40", { tools: [lamp] });
    expect(argsOf(events)).toEqual({ room: "kitchen", brightness: 40, on: true });
    const odd = { name: "ping", description: "", parameters: "nonsense" };
    expect(argsOf(await startTalk().say("ping", { tools: [odd] }))).toEqual({});
  });

  test("that do not exist, or get no object, are refused in words", async () => {
    expect(textOf(await startTalk().say("call tool fly with {}", { tools: [colour] }))).toBe(
      'Your application offers no tool "fly". It offers: change_background.',
    );
    expect(textOf(await startTalk().say("call tool fly"))).toContain("It offers none.");
    const events = await startTalk().say("call tool change_background with blue", { tools: [colour] });
    expect(textOf(events)).toContain("have to be a JSON object");
    expect(pendingOf(events)).toBeUndefined();
  });

  test("may fail or answer with nothing", async () => {
    const talk = startTalk();
    const [first] = pendingOf(await talk.say("use change_background", { tools: [colour] })) ?? [];
    talk.messages.push({ id: "t", role: "tool", toolCallId: first!, content: "", error: "no paint" });
    expect(textOf(await talk.go())).toBe("The tool change_background failed: no paint");
    const [second] = pendingOf(await talk.say("use change_background", { tools: [colour] })) ?? [];
    talk.answerTool(second!, "");
    expect(textOf(await talk.go())).toBe("The tool change_background is done.");
  });
});

describe("the shared list", () => {
  const todos = (...texts: string[]) => ({ todos: texts.map((text) => ({ text, done: false })) });
  const stateEvents = (events: readonly AguiEvent[]) =>
    events.filter(({ type }) => type.startsWith("STATE_"));

  test("is created, changed by patches and shown", async () => {
    const talk = startTalk();
    const created = await talk.say("add milk to the list");
    expect(stateEvents(created)).toEqual([
      { type: "STATE_DELTA", delta: [{ op: "add", path: "/todos", value: todos("milk").todos }] },
    ]);
    expect(stateEvents(await talk.say("Please add Eggs, butter and bread to my shopping list."))).toEqual([
      {
        type: "STATE_DELTA",
        delta: todos("Eggs", "butter", "bread").todos.map((value) => ({
          op: "add",
          path: "/todos/-",
          value,
        })),
      },
    ]);
    expect(stateEvents(await talk.say("remove BUTTER from the list"))).toEqual([
      { type: "STATE_DELTA", delta: [{ op: "remove", path: "/todos/2" }] },
    ]);
    expect(stateEvents(await talk.say("mark eggs as done"))).toEqual([
      {
        type: "STATE_DELTA",
        delta: [{ op: "replace", path: "/todos/1", value: { text: "Eggs", done: true } }],
      },
    ]);
    expect(textOf(await talk.say("show me the list"))).toBe("The list:\n1. milk\n2. Eggs (done)\n3. bread");
    await talk.say("remove 1");
    expect(talk.state).toEqual({
      todos: [
        { text: "Eggs", done: true },
        { text: "bread", done: false },
      ],
    });
    expect(textOf(await talk.say("clear the list"))).toBe("Cleared. The list is empty.");
    expect(talk.state).toEqual({ todos: [] });
    expect(textOf(await talk.say("what's on my list?"))).toBe("The list is empty.");
  });

  test("is a snapshot where there is no state to patch, and leaves the rest of the state alone", async () => {
    for (const state of [null, [1], "text"]) {
      const talk = startTalk();
      const events = await createdWith(state);
      expect(stateEvents(events)).toEqual([{ type: "STATE_SNAPSHOT", snapshot: todos("milk") }]);
      expect(talk.state).toEqual({});
    }
    const talk = startTalk();
    talk.state = { theme: "dark", todos: "broken" };
    await talk.say("add milk");
    expect(talk.state).toEqual({ theme: "dark", ...todos("milk") });
  });

  async function createdWith(state: unknown): Promise<AguiEvent[]> {
    const input: RunAgentInput = {
      threadId: "t",
      runId: "r",
      state,
      messages: [{ id: "1", role: "user", content: "add milk" }],
    };
    const events: AguiEvent[] = [];
    const signal = new AbortController().signal;
    for await (const event of createAgent({ paceMs: 0 }).run(input, { signal, agentId: "demo" })) {
      events.push(event as AguiEvent);
    }
    return events;
  }

  test("takes what clients write into it", async () => {
    const talk = startTalk();
    talk.state = { todos: ["plain", { text: "proper", done: true }, 5, null] };
    expect(textOf(await talk.say("show the list"))).toBe(
      "The list:\n1. plain\n2. proper (done)\n3. 5\n4. null",
    );
    await talk.say("mark plain as done");
    await talk.say("remove null");
    expect(talk.state).toEqual({ todos: [{ text: "plain", done: true }, { text: "proper", done: true }, 5] });
  });

  test("has each item once, and at most 100", async () => {
    const talk = startTalk();
    await talk.say("add milk");
    const again = await talk.say("add MILK");
    expect(stateEvents(again)).toEqual([]);
    expect(textOf(again)).toBe('"MILK" is on the list already.');
    const gone = await talk.say("remove honey");
    expect(stateEvents(gone)).toEqual([]);
    expect(textOf(gone)).toBe('There is no "honey" on the list. The list:\n1. milk');
    talk.state = todos(...Array.from({ length: 100 }, (_, index) => `item ${index}`));
    expect(textOf(await talk.say("add one more"))).toBe("The list holds at most 100 items.");
    talk.state = {};
    await talk.say(`add ${"x".repeat(300)}`);
    expect(talk.state).toEqual(todos("x".repeat(200)));
  });
});

describe("approval", () => {
  const interruptOf = (events: readonly AguiEvent[]) => {
    const last = events.at(-1);
    if (last?.type !== "RUN_FINISHED" || last.outcome?.type !== "interrupt") throw new Error("no interrupt");
    return last.outcome.interrupts[0]!;
  };
  const resumed = (interruptId: string, payload?: unknown) => ({
    resume: [{ interruptId, status: "resolved" as const, ...(payload === undefined ? {} : { payload }) }],
  });

  test("is asked for before anything is done, and given in the next run", async () => {
    const talk = startTalk();
    await talk.say("add milk and bread");
    const before = structuredClone(talk.state);
    const asked = await talk.say("Delete all notes!");
    const interrupt = interruptOf(asked);
    expect(interrupt).toMatchObject({
      reason: "tool_call",
      message: "May I delete all notes? It cannot be undone.",
      responseSchema: { required: ["approved"], properties: { approved: { type: "boolean" } } },
    });
    expect(asked.find(({ type }) => type === "TOOL_CALL_START")).toMatchObject({
      toolCallId: interrupt.toolCallId,
      toolCallName: "delete_notes",
    });
    expect(talk.state).toEqual(before);

    const done = await talk.go(resumed(interrupt.id, { approved: true }));
    expect(typesOf(done)).not.toContain("TOOL_CALL_START");
    expect(done).toContainEqual(
      expect.objectContaining({
        type: "TOOL_CALL_RESULT",
        toolCallId: interrupt.toolCallId,
        content: '{"deleted":2}',
      }),
    );
    expect(talk.state).toEqual({ todos: [] });
    expect(textOf(done)).toBe("I deleted 2 of 2 notes.");
  });

  test.each([
    ["refused", { status: "resolved", payload: { approved: false } }],
    ["cancelled", { status: "cancelled" }],
    ["answered without a payload", { status: "resolved" }],
    ["answered with something else", { status: "resolved", payload: "yes" }],
    ["almost approved", { status: "resolved", payload: { approved: "true" } }],
  ] as const)("that is %s leaves all as it is", async (_, answer) => {
    const talk = startTalk();
    await talk.say("add milk");
    const interrupt = interruptOf(await talk.say("wipe everything"));
    const events = await talk.go({ resume: [{ interruptId: interrupt.id, ...answer }] });
    expect(resultOf(events)).toEqual({ declined: true });
    expect(talk.state).toEqual({ todos: [{ text: "milk", done: false }] });
  });

  test("may come with other arguments, which replace the proposed ones", async () => {
    const talk = startTalk();
    const interrupt = interruptOf(await talk.say("send the report to ann@example.com"));
    const events = await talk.go(
      resumed(interrupt.id, { approved: true, editedArgs: { to: "bob@example.com", subject: "Numbers" } }),
    );
    expect(resultOf(events)).toEqual({
      sent: true,
      simulated: true,
      to: "bob@example.com",
      subject: "Numbers",
    });
    const other = interruptOf(await talk.say("send the report"));
    const replaced = await talk.go(resumed(other.id, { approved: true, editedArgs: { subject: "Only" } }));
    expect(resultOf(replaced)).toEqual({ error: "to must be a text of 1 to 200 characters" });
  });

  test("of done notes only", async () => {
    const talk = startTalk();
    talk.state = {
      todos: [
        { text: "a", done: true },
        { text: "b", done: false },
      ],
    };
    const interrupt = interruptOf(await talk.say("delete all done notes"));
    await talk.go(resumed(interrupt.id, { approved: true }));
    expect(talk.state).toEqual({ todos: [{ text: "b", done: false }] });
  });

  test("of several questions at once is given one by one, also of a question that nobody asked", async () => {
    const call = (id: string, which: string) => ({
      id: `m-${id}`,
      role: "assistant" as const,
      toolCalls: [
        {
          id,
          type: "function" as const,
          function: { name: "delete_notes", arguments: JSON.stringify({ which }) },
        },
      ],
    });
    const talk = startTalk();
    talk.state = {
      todos: [
        { text: "a", done: true },
        { text: "b", done: false },
      ],
    };
    talk.messages.push(call("c1", "done"), call("c2", "all"));
    const events = await talk.go({
      resume: ["approve-c1", "approve-c2", "approve-c3", "other"].map((interruptId) => ({
        interruptId,
        status: "resolved" as const,
        payload: { approved: true },
      })),
    });
    const results = events.flatMap((event) => (event.type === "TOOL_CALL_RESULT" ? [event.content] : []));
    expect(results).toEqual(['{"deleted":1}', '{"deleted":1}']);
    expect(talk.state).toEqual({ todos: [] });
    expect(textOf(events)).toContain('I do not remember a question "approve-c3"');
    expect(textOf(events)).toContain('I do not remember a question "other"');
  });
});

describe("the rest of AG-UI", () => {
  test("a subagent looks something up; all it does is its own", async () => {
    const events = await startTalk().say("Research JSON patch, please");
    const started = events.findIndex(({ type }) => type === "SUBAGENT_STARTED");
    const finished = events.findIndex(({ type }) => type === "SUBAGENT_FINISHED");
    const inside = events.slice(started + 1, finished);
    const owners = new Set(
      inside.map((event) => ("subagentRunId" in event ? event.subagentRunId : undefined)),
    );
    expect(owners.size).toBe(1);
    expect(owners).not.toContain(undefined);
    expect(typesOf(inside)).toEqual(
      expect.arrayContaining([
        "STEP_STARTED",
        "REASONING_START",
        "TOOL_CALL_START",
        "TOOL_CALL_RESULT",
        "TEXT_MESSAGE_START",
      ]),
    );
    expect(textOf(events)).toContain("The researcher reports: JSON Patch (RFC 6902)");
    expect(textOf(await startTalk().say("research quantum foam"))).toContain("only about dragoman, agui");
  });

  test("a plan is an activity that goes on in steps", async () => {
    const talk = startTalk();
    const events = await talk.say("plan a picnic");
    expect(events.filter(({ type }) => type === "STEP_FINISHED")).toHaveLength(3);
    expect(talk.messages.find(({ role }) => role === "activity")).toMatchObject({
      activityType: "PLAN",
      content: { title: "a picnic", tasks: Array(3).fill({ title: expect.any(String), status: "done" }) },
    });
  });

  test.each([
    ["count to 5", "1 2 3 4 5"],
    ["count from 8 to 10 fast", "8 9 10"],
    ["count up to 3 every 1 ms", "1 2 3"],
    ["count to 3 every 0.001 seconds", "1 2 3"],
  ])("%j", async (text, said) => {
    expect(textOf(await startTalk().say(text))).toBe(said);
  });

  test("counting goes as far as 600, with pauses of at most 10 seconds", async () => {
    const said = textOf(await startTalk().say("count to 600"));
    expect(said.endsWith(" 599 600")).toBe(true);
    for (const text of [
      "count to 601",
      "count from 5 to 3",
      "count to 3 every 11 s",
      "count to 3 like a pro",
    ]) {
      expect(textOf(await startTalk().say(text))).toMatch(/^I count at most 600 numbers/);
    }
  });

  test("a failure is a RUN_ERROR with the code that was asked for", async () => {
    const failed = await startTalk().say("fail");
    expect(failed.at(-1)).toEqual({
      type: "RUN_ERROR",
      code: "DEMO_FAILURE",
      message: "The run failed because it was asked to.",
    });
    expect((await startTalk().say("Fail with code OUT_OF_LUCK.")).at(-1)).toMatchObject({
      code: "OUT_OF_LUCK",
    });
  });

  test("a story is long enough to watch", async () => {
    const events = await startTalk().say("tell me a story");
    expect(events.filter(({ type }) => type === "TEXT_MESSAGE_CONTENT").length).toBeGreaterThan(100);
  });

  test("the same conversation gives the same events", async () => {
    const script = [
      "help",
      "add milk",
      "research tea",
      "2+2",
      "plan a party",
      "is 91 prime",
      "delete all notes",
    ];
    const record = async () => {
      const talk = startTalk();
      const events: AguiEvent[] = [];
      for (const text of script) events.push(...(await talk.say(text)));
      return events.map((event) => ({ ...event, runId: "" }));
    };
    expect(await record()).toEqual(await record());
  });

  test("no event has a time of day", async () => {
    const talk = startTalk();
    for (const text of ["help", "research tea", "add milk", "plan a party"]) {
      for (const event of await talk.say(text)) expect(event).not.toHaveProperty("timestamp");
    }
  });
});

describe("cancel", () => {
  const input = (content: string): RunAgentInput => ({
    threadId: "t",
    runId: "r",
    messages: [{ id: "1", role: "user", content }],
  });

  test.each(["count to 600 every 10 s", "plan a trip", "tell me a story", "research tea"])(
    "%j stops",
    async (text) => {
      const cancel = new AbortController();
      const events: unknown[] = [];
      const agent = createAgent({ paceMs: 10_000 });
      for await (const event of agent.run(input(text), { signal: cancel.signal, agentId: "demo" })) {
        events.push(event);
        if (events.length === 3) setImmediate(() => cancel.abort());
      }
      expect(events.length).toBeLessThan(6);
    },
  );

  test("stops a run without pauses too, and one that has not begun", async () => {
    const cancel = new AbortController();
    const events: unknown[] = [];
    for await (const event of createAgent({ paceMs: 0 }).run(input("count to 600"), {
      signal: cancel.signal,
      agentId: "d",
    })) {
      if (events.push(event) === 10) cancel.abort();
    }
    expect(events.length).toBeLessThan(13);
    const none: unknown[] = [];
    for await (const event of createAgent().run(input("hi"), { signal: AbortSignal.abort(), agentId: "d" }))
      none.push(event);
    expect(none).toEqual([]);
  });
});

test.each([-1, 10_001, Number.NaN])("a pace of %d is refused", (paceMs) => {
  expect(() => createAgent({ paceMs })).toThrow(TypeError);
});
