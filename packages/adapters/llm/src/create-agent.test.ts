import { describe, expect, test } from "vitest";
import type { BackendTool } from "./backend-tool.ts";
import { createAgent } from "./index.ts";
import { call, chunks, delta, finish, send, startEndpoint, text, usage } from "./testing/fake-endpoint.ts";
import { foldWithStockClient, inputOf, optionsOf, run } from "./testing/run-agent.ts";

const weather: BackendTool = {
  name: "weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute: ({ city }) => ({ city, celsius: 21 }),
};
const map = { name: "show_map", description: "Shows a map.", parameters: { type: "object" } };

describe("an answer", () => {
  test("is streamed as one message and its tokens are counted", async () => {
    await using endpoint = await startEndpoint(
      chunks(
        { ...delta({ role: "assistant", content: "" }) },
        text("Hello "),
        text("world"),
        finish(),
        usage(7, 2, {
          completion_tokens_details: { reasoning_tokens: 1 },
          prompt_tokens_details: { cached_tokens: 3 },
        }),
      ),
    );
    const { events, error } = await run(optionsOf(endpoint.baseURL, { parameters: { temperature: 0 } }));
    expect(error).toBeUndefined();
    expect(events).toEqual([
      { type: "RUN_STARTED", threadId: "thread", runId: "run", protocolVersion: "1.0" },
      { type: "TEXT_MESSAGE_START", messageId: "id-1", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "Hello " },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "world" },
      { type: "TEXT_MESSAGE_END", messageId: "id-1" },
      {
        type: "RUN_FINISHED",
        threadId: "thread",
        runId: "run",
        usage: [
          {
            model: "fake-1",
            inputTokens: 7,
            outputTokens: 2,
            totalTokens: 9,
            reasoningTokens: 1,
            cachedInputTokens: 3,
          },
        ],
      },
    ]);
    const [request] = endpoint.received;
    expect(request?.path).toBe("/v1/chat/completions");
    expect(request?.headers.authorization).toBe("Bearer key-hidden");
    expect(request?.body).toEqual({
      model: "fake-1",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
    });
  });

  test("arrives while the model is still writing it", async () => {
    const rest = Promise.withResolvers<void>();
    await using endpoint = await startEndpoint(async (response) => {
      await send(response, `data: ${JSON.stringify(text("first"))}\n\n`);
      await rest.promise;
      await chunks(text(" second"), finish())(response, endpoint.received[0]!);
    });
    const seen: string[] = [];
    const signal = new AbortController().signal;
    for await (const event of createAgent(optionsOf(endpoint.baseURL)).run(inputOf("hi"), {
      signal,
      agentId: "l",
    })) {
      if (!("type" in event) || event.type !== "TEXT_MESSAGE_CONTENT") continue;
      seen.push(event.delta);
      rest.resolve();
    }
    expect(seen).toEqual(["first", " second"]);
  });

  test.each(["reasoning_content", "reasoning"])("shows what the model thinks, from %s", async (field) => {
    await using endpoint = await startEndpoint(
      chunks(
        delta({ [field]: "hm" }),
        delta({ [field]: "m" }),
        text("yes"),
        delta({ [field]: "!" }),
        finish(),
      ),
    );
    const { events } = await run(optionsOf(endpoint.baseURL));
    expect(events.slice(1, -1)).toEqual([
      { type: "REASONING_START", messageId: "id-2" },
      { type: "REASONING_MESSAGE_START", messageId: "id-2", role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "id-2", delta: "hm" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "id-2", delta: "m" },
      { type: "REASONING_MESSAGE_END", messageId: "id-2" },
      { type: "REASONING_END", messageId: "id-2" },
      { type: "TEXT_MESSAGE_START", messageId: "id-1", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "yes" },
      { type: "TEXT_MESSAGE_END", messageId: "id-1" },
      { type: "REASONING_START", messageId: "id-3" },
      { type: "REASONING_MESSAGE_START", messageId: "id-3", role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "id-3", delta: "!" },
      { type: "REASONING_MESSAGE_END", messageId: "id-3" },
      { type: "REASONING_END", messageId: "id-3" },
    ]);
    await foldWithStockClient(events);
  });

  test("of an endpoint without a key is asked for without one", async () => {
    await using endpoint = await startEndpoint(chunks(text("x"), finish()));
    const { apiKey: _, ...options } = optionsOf(endpoint.baseURL);
    expect((await run(options)).error).toBeUndefined();
    await run({ ...options, headers: { Authorization: "Basic abc", "x-more": "1" } });
    expect(endpoint.received.map(({ headers }) => headers.authorization)).toEqual([undefined, "Basic abc"]);
    expect(endpoint.received[1]?.headers["x-more"]).toBe("1");
  });

  test("can be asked for without stream options, and is then not counted", async () => {
    await using endpoint = await startEndpoint(chunks(text("x"), finish()));
    const { events, error } = await run(
      optionsOf(endpoint.baseURL, {
        parameters: { stream_options: undefined, stream: false, model: "other" },
      }),
    );
    expect(error).toBeUndefined();
    expect(events.at(-1)).toEqual({ type: "RUN_FINISHED", threadId: "thread", runId: "run" });
    const body = endpoint.received[0]?.body;
    expect(body).not.toHaveProperty("stream_options");
    expect(body).toMatchObject({ stream: true, model: "fake-1" });
  });

  test("that refuses is still an answer", async () => {
    await using endpoint = await startEndpoint(chunks(delta({ refusal: "I cannot." }), finish()));
    const { events, error } = await run(optionsOf(endpoint.baseURL));
    expect(error).toBeUndefined();
    expect(events).toContainEqual({ type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "I cannot." });
  });
});

describe("backend tools", () => {
  test("are executed and the model goes on with their results", async () => {
    await using endpoint = await startEndpoint(
      chunks(
        text("Let me look."),
        call(0, { id: "call_a", name: "weather" }),
        call(0, { args: '{"city":' }),
        call(0, { args: '"Rome"}' }),
        call(1, { id: "call_b", name: "weather", args: '{"city":"Oslo"}' }),
        finish("tool_calls"),
        usage(10, 5),
      ),
      chunks(text("21 degrees"), finish(), usage(20, 3)),
    );
    const { events, error } = await run(optionsOf(endpoint.baseURL, { tools: [weather] }));
    expect(error).toBeUndefined();
    expect(events.slice(1)).toEqual([
      { type: "TEXT_MESSAGE_START", messageId: "id-1", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "Let me look." },
      { type: "TEXT_MESSAGE_END", messageId: "id-1" },
      { type: "TOOL_CALL_START", toolCallId: "call_a", toolCallName: "weather", parentMessageId: "id-1" },
      { type: "TOOL_CALL_ARGS", toolCallId: "call_a", delta: '{"city":' },
      { type: "TOOL_CALL_ARGS", toolCallId: "call_a", delta: '"Rome"}' },
      { type: "TOOL_CALL_START", toolCallId: "call_b", toolCallName: "weather", parentMessageId: "id-1" },
      { type: "TOOL_CALL_ARGS", toolCallId: "call_b", delta: '{"city":"Oslo"}' },
      { type: "TOOL_CALL_END", toolCallId: "call_a" },
      { type: "TOOL_CALL_END", toolCallId: "call_b" },
      {
        type: "TOOL_CALL_RESULT",
        messageId: "id-2",
        toolCallId: "call_a",
        content: '{"city":"Rome","celsius":21}',
        role: "tool",
      },
      {
        type: "TOOL_CALL_RESULT",
        messageId: "id-3",
        toolCallId: "call_b",
        content: '{"city":"Oslo","celsius":21}',
        role: "tool",
      },
      { type: "TEXT_MESSAGE_START", messageId: "id-4", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id-4", delta: "21 degrees" },
      { type: "TEXT_MESSAGE_END", messageId: "id-4" },
      {
        type: "RUN_FINISHED",
        threadId: "thread",
        runId: "run",
        usage: [{ model: "fake-1", inputTokens: 30, outputTokens: 8, totalTokens: 38 }],
      },
    ]);
    expect(endpoint.received[0]?.body.tools).toEqual([
      {
        type: "function",
        function: { name: "weather", description: weather.description, parameters: weather.parameters },
      },
    ]);
    expect(endpoint.received[1]?.body.messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: "Let me look.",
        tool_calls: [
          { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
          { id: "call_b", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_a", content: '{"city":"Rome","celsius":21}' },
      { role: "tool", tool_call_id: "call_b", content: '{"city":"Oslo","celsius":21}' },
    ]);
    const messages = await foldWithStockClient(events);
    expect(messages.map((message) => (message as { role: string }).role)).toEqual([
      "assistant",
      "tool",
      "tool",
      "assistant",
    ]);
  });

  test("that fail, do not exist or get bad arguments are the model's to correct", async () => {
    const tools: BackendTool[] = [
      {
        name: "broken",
        description: "",
        execute: () => {
          throw new Error("no luck");
        },
      },
      { name: "plain", description: "", execute: async () => "as it is" },
      { name: "nothing", description: "", execute: () => undefined },
      { name: "slow", description: "", execute: () => new Promise(() => {}) },
    ];
    await using endpoint = await startEndpoint(
      chunks(
        call(0, { id: "1", name: "broken" }),
        call(1, { id: "2", name: "plain", args: "{}" }),
        call(2, { id: "3", name: "nothing", args: " " }),
        call(3, { id: "4", name: "missing", args: "{}" }),
        call(4, { id: "5", name: "plain", args: "{oops" }),
        call(5, { id: "6", name: "plain", args: "[1]" }),
        call(6, { id: "7", name: "slow", args: "{}" }),
        finish("tool_calls"),
      ),
      chunks(text("ok"), finish()),
    );
    const { error } = await run(optionsOf(endpoint.baseURL, { tools, toolTimeoutMs: 20 }));
    expect(error).toBeUndefined();
    const results = endpoint.received[1]?.body.messages.slice(2).map(({ content }) => content);
    expect(results).toEqual([
      "Error: no luck",
      "as it is",
      "Done.",
      "Error: there is no tool named missing. There is: broken, plain, nothing, slow.",
      "Error: the arguments of plain must be a JSON object, they are: {oops",
      "Error: the arguments of plain must be a JSON object, they are: [1]",
      expect.stringMatching(/^Error: .*timeout/),
    ]);
  });

  test("are called by endpoints that number all calls 0, give no ids, or the same ones again", async () => {
    await using endpoint = await startEndpoint(
      chunks(
        call(0, { id: "call_0", name: "weather", args: '{"city":"A"}' }),
        call(0, { id: "call_1", name: "weather", args: '{"city":"B"}' }),
        finish(),
      ),
      chunks(
        delta({ tool_calls: [{ function: { name: "weather", arguments: "{}" } }] }),
        finish("tool_calls"),
      ),
      chunks(
        call(0, { id: "call_0", name: "weather" }),
        call(0, { id: "call_0", args: "{}" }),
        finish("tool_calls"),
      ),
      chunks(text("done"), finish()),
    );
    const { events, error } = await run(optionsOf(endpoint.baseURL, { tools: [weather] }));
    expect(error).toBeUndefined();
    const started = events.flatMap((event) => (event.type === "TOOL_CALL_START" ? [event.toolCallId] : []));
    expect(started.slice(0, 2)).toEqual(["call_0", "call_1"]);
    expect(new Set(started).size).toBe(4);
    expect(events.filter(({ type }) => type === "TOOL_CALL_RESULT")).toHaveLength(4);
    await foldWithStockClient(events);
  });

  test("are given the run's signal and the call's id", async () => {
    const seen: unknown[] = [];
    const spy: BackendTool = {
      name: "spy",
      description: "",
      execute: (args, { signal, toolCallId, input }) =>
        void seen.push(args, signal.aborted, toolCallId, input.runId),
    };
    await using endpoint = await startEndpoint(
      chunks(call(0, { id: "c1", name: "spy", args: '{"a":1}' }), finish("tool_calls")),
      chunks(text("ok"), finish()),
    );
    await run(optionsOf(endpoint.baseURL, { tools: [spy] }));
    expect(seen).toEqual([{ a: 1 }, false, "c1", "run"]);
  });

  test("stop at maxIterations", async () => {
    await using endpoint = await startEndpoint(
      chunks(call(0, { id: "c", name: "weather", args: "{}" }), finish("tool_calls")),
    );
    const { error } = await run(optionsOf(endpoint.baseURL, { tools: [weather], maxIterations: 3 }));
    expect(error).toMatchObject({ code: "LLM_TOO_MANY_ITERATIONS" });
    expect(endpoint.received).toHaveLength(3);
  });
});

describe("the client's tools", () => {
  test("end the run, after the backend's are executed, and the next run goes on with the result", async () => {
    await using endpoint = await startEndpoint(
      chunks(
        call(0, { id: "call_m", name: "show_map", args: '{"at":"Rome"}' }),
        call(1, { id: "call_w", name: "weather", args: '{"city":"Rome"}' }),
        finish("tool_calls"),
      ),
      chunks(text("There it is."), finish()),
    );
    const options = optionsOf(endpoint.baseURL, { tools: [weather] });
    const first = inputOf("show me Rome", { tools: [map, { ...weather, description: "not this one" }] });
    const { events } = await run(options, first);
    expect(events.at(-1)).toEqual({
      type: "RUN_FINISHED",
      threadId: "thread",
      runId: "run",
      outcome: { type: "success", pendingToolCallIds: ["call_m"] },
    });
    expect(events.filter(({ type }) => type === "TOOL_CALL_RESULT")).toHaveLength(1);
    expect(endpoint.received[0]?.body.tools).toMatchObject([
      { function: { name: "weather", description: weather.description } },
      { function: { name: "show_map" } },
    ]);

    const messages = (await foldWithStockClient(events, first.messages)) as typeof first.messages;
    messages.push({ id: "t", role: "tool", toolCallId: "call_m", content: "shown" });
    const second = await run(options, inputOf(messages, { tools: [map] }));
    expect(second.error).toBeUndefined();
    expect(endpoint.received[1]?.body.messages.slice(1)).toEqual([
      expect.objectContaining({ role: "assistant" }),
      { role: "tool", tool_call_id: "call_m", content: "shown" },
      { role: "tool", tool_call_id: "call_w", content: '{"city":"Rome","celsius":21}' },
    ]);
  });

  test("the model may have nothing to add to a result", async () => {
    await using endpoint = await startEndpoint(chunks(finish()));
    const { events, error } = await run(
      optionsOf(endpoint.baseURL),
      inputOf([
        { id: "u", role: "user", content: "show" },
        {
          id: "a",
          role: "assistant",
          toolCalls: [{ id: "c", type: "function", function: { name: "show_map", arguments: "" } }],
        },
        { id: "t", role: "tool", toolCallId: "c", content: "shown" },
      ]),
    );
    expect(error).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["RUN_STARTED", "RUN_FINISHED"]);
  });
});

describe("cancel", () => {
  test("ends the request quietly, before and within an answer", async () => {
    for (const pieces of [[], [`data: ${JSON.stringify(text("a"))}\n\n`]]) {
      const cancel = new AbortController();
      const closed = Promise.withResolvers<void>();
      await using endpoint = await startEndpoint(async (response) => {
        response.on("close", () => closed.resolve());
        if (pieces.length > 0) await send(response, ...pieces);
        cancel.abort();
      });
      expect((await run(optionsOf(endpoint.baseURL), inputOf("hi"), cancel.signal)).error).toBeUndefined();
      await closed.promise;
    }
  });

  test("ends the wait for a retry and for a tool", async () => {
    const cancel = new AbortController();
    await using busy = await startEndpoint((response) => {
      response.writeHead(429, { "retry-after": "50" }).end();
      setImmediate(() => cancel.abort());
    });
    const waiting = await run(optionsOf(busy.baseURL, { maxRetries: 2 }), inputOf("hi"), cancel.signal);
    expect(waiting.error).toBeUndefined();
    expect(busy.received).toHaveLength(1);

    const inTool = new AbortController();
    const deaf: BackendTool = {
      name: "deaf",
      description: "",
      execute: () => {
        inTool.abort();
        return new Promise(() => {});
      },
    };
    await using endpoint = await startEndpoint(
      chunks(call(0, { id: "c", name: "deaf" }), finish("tool_calls")),
    );
    const { error, events } = await run(
      optionsOf(endpoint.baseURL, { tools: [deaf] }),
      inputOf("hi"),
      inTool.signal,
    );
    expect(error).toBeUndefined();
    expect(events.some(({ type }) => type === "RUN_FINISHED")).toBe(false);
    expect(endpoint.received).toHaveLength(1);
  });

  test("of a run that has not begun asks nothing", async () => {
    await using endpoint = await startEndpoint(chunks(text("a"), finish()));
    expect(await run(optionsOf(endpoint.baseURL), inputOf("hi"), AbortSignal.abort())).toEqual({
      events: [],
    });
    expect(endpoint.received).toEqual([]);
  });
});

describe("options", () => {
  test.each([
    [{ model: "" }, "model"],
    [{ baseURL: "localhost:1234" }, "baseURL"],
    [{ maxIterations: 0 }, "maxIterations"],
    [{ timeoutMs: 300_001 }, "timeoutMs"],
    [{ toolTimeoutMs: 0 }, "toolTimeoutMs"],
    [{ maxRetries: 11 }, "maxRetries"],
    [{ maxResponseBytes: 0 }, "maxResponseBytes"],
    [{ baseURL: "https://user:secret@host/v1" }, "must not hold a user name"],
    [{ tools: [weather, weather] }, "weather"],
  ])("out of range are refused: %j", (more, name) => {
    expect(() => createAgent({ model: "m", ...more })).toThrow(TypeError);
    expect(() => createAgent({ model: "m", ...more })).toThrow(name);
  });

  test("the tools are shown as capabilities, without their code", async () => {
    const capabilities = await createAgent({ model: "m", tools: [weather] }).capabilities?.(
      AbortSignal.timeout(1000),
    );
    expect(capabilities?.tools?.items).toEqual([
      { name: weather.name, description: weather.description, parameters: weather.parameters },
    ]);
  });
});
