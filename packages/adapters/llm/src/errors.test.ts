import { describe, expect, test } from "vitest";
import { LlmError } from "./index.ts";
import {
  type Answer,
  call,
  chunks,
  data,
  delta,
  finish,
  send,
  startEndpoint,
  text,
} from "./testing/fake-endpoint.ts";
import { inputOf, optionsOf, run } from "./testing/run-agent.ts";

const refusal =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
const saying = (message: string, code?: string) => ({ error: { message, type: "t", code: code ?? null } });

describe("refusals", () => {
  test.each([
    [
      401,
      saying("Incorrect API key provided: key-hidden."),
      "LLM_UNAUTHORIZED",
      "Check the API key. It said: Incorrect API key provided: [secret].",
    ],
    [
      403,
      saying("no"),
      "LLM_UNAUTHORIZED",
      "Check what the API key is allowed to do, and that it may use fake-1.",
    ],
    [
      404,
      saying("no such model"),
      "LLM_NOT_FOUND",
      "Check the model's name (fake-1) and the base URL's path (/v1).",
    ],
    [400, saying("bad schema"), "LLM_REFUSED", "It said: bad schema"],
    [422, saying("bad schema"), "LLM_REFUSED", "tools' schemas"],
    [429, saying("slow down"), "LLM_RATE_LIMITED", "Try again later. It said: slow down"],
    [429, saying("pay", "insufficient_quota"), "LLM_RATE_LIMITED", "check plan and billing"],
    [500, saying("oops"), "LLM_UNAVAILABLE", "answered HTTP 500. Try again later. It said: oops"],
    [502, "<html>\nBad   gateway", "LLM_UNAVAILABLE", "It said: <html> Bad gateway"],
  ])("%i %j", async (status, body, code, message) => {
    await using endpoint = await startEndpoint(refusal(status, body));
    const { events, error } = await run(optionsOf(endpoint.baseURL));
    expect(error).toBeInstanceOf(LlmError);
    expect(error).toMatchObject({ status, code, message: expect.stringContaining(message) });
    expect(String(error)).not.toContain("key-hidden");
    expect(events.map(({ type }) => type)).toEqual(["RUN_STARTED"]);
  });

  test("a missing key is asked for", async () => {
    await using endpoint = await startEndpoint(refusal(401, saying("no key")));
    const { apiKey: _, ...options } = optionsOf(endpoint.baseURL);
    expect((await run(options)).error).toMatchObject({
      message: expect.stringContaining("Set the API key."),
    });
  });

  test("neither secrets in headers nor long bodies are repeated", async () => {
    await using endpoint = await startEndpoint(refusal(400, saying(`header-hidden ${"x".repeat(9000)}`)));
    const { error } = await run(optionsOf(endpoint.baseURL, { headers: { "X-Api-Key": "header-hidden" } }));
    expect(String(error)).toContain("It said: [secret] xxx");
    expect(String(error).length).toBeLessThan(600);
  });

  test.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after-ms": "20" }, 20],
    [{}, undefined],
  ])("429 with %j says when to try again", async (headers, retryAfterMs) => {
    await using endpoint = await startEndpoint(refusal(429, saying("slow down"), headers));
    expect((await run(optionsOf(endpoint.baseURL))).error).toMatchObject({ retryAfterMs });
  });

  test("429 is tried again after the time the endpoint asks for", async () => {
    await using endpoint = await startEndpoint(
      refusal(429, saying("slow down"), { "retry-after-ms": "1" }),
      chunks(text("now"), finish()),
    );
    const { events, error } = await run(optionsOf(endpoint.baseURL, { maxRetries: 1 }));
    expect(error).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ delta: "now" }));
    expect(endpoint.received).toHaveLength(2);
  });

  test("an endpoint that is not there", async () => {
    const endpoint = await startEndpoint(chunks());
    await endpoint[Symbol.asyncDispose]();
    const { error } = await run(optionsOf(`${endpoint.baseURL}?key=hidden`));
    expect(error).toMatchObject({ code: "LLM_UNREACHABLE" });
    expect(String(error)).toContain(`at ${endpoint.baseURL} cannot be reached: connect ECONNREFUSED`);
    expect(String(error)).not.toContain("hidden");
  });
});

describe("answers that are not whole are never a success", () => {
  const half = data(text("half an"));
  const ended =
    (...pieces: string[]): Answer =>
    async (response) => {
      await send(response, ...pieces);
      response.end();
    };
  const broken: Answer = async (response) => {
    await send(response, half);
    response.destroy();
  };

  test.each([
    ["stops without a finish reason", ended(half, "data: [DONE]\n\n"), "LLM_CUT"],
    ["stops without anything", ended(half), "LLM_CUT"],
    ["has nothing in it", ended(), "LLM_CUT"],
    ["breaks", broken, "LLM_CUT"],
    ["reaches the output limit", chunks(text("half an"), finish("length")), "LLM_OUTPUT_LIMIT"],
    ["is filtered", chunks(text("half an"), finish("content_filter")), "LLM_CONTENT_FILTER"],
    ["is complete and empty", chunks(delta({ content: "" }), finish()), "LLM_EMPTY"],
    ["is only thought", chunks(delta({ reasoning: "hm" }), finish()), "LLM_EMPTY"],
    ["is no JSON", ended(half, "data: {oops\n\n"), "LLM_MALFORMED"],
    ["has choices of another kind", ended(half, data({ choices: { delta: 1 } })), "LLM_MALFORMED"],
    ["has content of another kind", ended(data(delta({ content: 5 }))), "LLM_MALFORMED"],
    ["is an array", ended(data([1])), "LLM_MALFORMED"],
    [
      "has a call without a name",
      chunks(call(0, { id: "c", args: "{}" }), finish("tool_calls")),
      "LLM_MALFORMED",
    ],
    ["has an error in it", ended(half, data({ error: { message: "overloaded" } })), "LLM_UNAVAILABLE"],
    ["is JSON instead of a stream", refusal(200, { choices: [] }), "LLM_MALFORMED"],
    [
      "is a web page",
      refusal(200, "<html>", { "content-type": "text/html; charset=utf-8" }),
      "LLM_MALFORMED",
    ],
  ] satisfies [string, Answer, string][])("one that %s", async (_, answer, code) => {
    await using endpoint = await startEndpoint(answer);
    const { events, error } = await run(optionsOf(endpoint.baseURL));
    expect(error).toMatchObject({ name: "LlmError", code });
    expect(events.some(({ type }) => type === "RUN_FINISHED")).toBe(false);
  });

  test("what came before the cut is delivered", async () => {
    await using endpoint = await startEndpoint(ended(half));
    const { events } = await run(optionsOf(endpoint.baseURL));
    expect(events.at(-1)).toEqual({ type: "TEXT_MESSAGE_CONTENT", messageId: "id-1", delta: "half an" });
  });

  test("a cut in a later turn, behind a tool's result", async () => {
    const tools = [{ name: "t", description: "", execute: () => "x" }];
    await using endpoint = await startEndpoint(
      chunks(call(0, { id: "c", name: "t" }), finish("tool_calls")),
      ended(half),
    );
    expect((await run(optionsOf(endpoint.baseURL, { tools }))).error).toMatchObject({ code: "LLM_CUT" });
  });
});

describe("limits", () => {
  test("silence before the answer and within it", async () => {
    await using mute = await startEndpoint(() => {});
    const { error } = await run(optionsOf(mute.baseURL, { timeoutMs: 50 }));
    expect(error).toMatchObject({
      code: "LLM_TIMEOUT",
      message: expect.stringContaining("silent for 50 ms"),
    });

    await using stuck = await startEndpoint((response) => send(response, data(text("a"))));
    const within = await run(optionsOf(stuck.baseURL, { timeoutMs: 50 }));
    expect(within.error).toMatchObject({ code: "LLM_TIMEOUT" });
    expect(within.events.at(-1)).toMatchObject({ delta: "a" });
  });

  test("keep-alive comments are no silence", async () => {
    await using endpoint = await startEndpoint(async (response, received) => {
      for (let i = 0; i < 10; i++) {
        await send(response, ": processing\n\n");
        await new Promise((resolve) => setTimeout(resolve, 75));
      }
      await chunks(text("done"), finish())(response, received);
    });
    expect((await run(optionsOf(endpoint.baseURL, { timeoutMs: 500 }))).error).toBeUndefined();
  });

  test.each([
    ["many chunks", Array.from({ length: 50 }, () => data(text("x".repeat(50))))],
    ["one chunk without an end", ["data: ", "x".repeat(5000)]],
  ])("maxResponseBytes, in %s", async (_, pieces) => {
    await using endpoint = await startEndpoint((response) => send(response, ...pieces));
    const { error } = await run(optionsOf(endpoint.baseURL, { maxResponseBytes: 4000 }), inputOf("hi"));
    expect(error).toMatchObject({ code: "LLM_TOO_LARGE" });
  });
});
