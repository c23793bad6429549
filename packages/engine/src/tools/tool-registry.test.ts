import { openMemoryStore } from "@dragoman/event-log";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineOptions } from "../engine.ts";
import { echoAgent, engineWith, key } from "../testing/harness.ts";
import { toolOf } from "../testing/tool-agents.ts";
import type { FunctionTool, ToolDefinition, ToolExecutor } from "./tool.ts";

const all = { namespace: "default", id: "" };
const http: ToolExecutor = { execute: async () => ({ content: "" }) };

async function open(options: Partial<EngineOptions> = {}) {
  const opened = await engineWith(echoAgent(), { toolExecutors: { http }, ...options });
  onTestFinished(() => opened.engine.close(0));
  const { tools } = opened.engine;
  const list = (sessionId = "", pageSize = 0, pageToken = "") =>
    tools.list({ namespace: "default", sessionId, pageSize, pageToken });
  const names = async (sessionId = "") => (await list(sessionId)).items.map(({ tool }) => tool.name);
  return { ...opened, tools, list, names };
}

describe("registering", () => {
  it("keeps tools, newest first, over restarts, apart for sessions and namespaces", async () => {
    const store = await openMemoryStore();
    const { engine, tools, names } = await open({ store });
    await engine.createSession(key);
    await tools.register(all, [toolOf("a", "http"), toolOf("b", "client")], false);
    await tools.register(key, [toolOf("c", "http")], false);
    await tools.register({ namespace: "other", id: "" }, [toolOf("d", "http")], false);
    expect([await names(), await names("t")]).toEqual([["b", "a"], ["c"]]);
    const again = await open({ store });
    expect([await again.names(), await again.names("t")]).toEqual([["b", "a"], ["c"]]);
    await expect(again.list("nowhere")).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
    await expect(again.tools.register({ namespace: "other", id: "t" }, [], false)).rejects.toMatchObject({
      reason: "SESSION_NOT_FOUND",
    });
  });

  it("the same again changes nothing; another of the name only where it is to be replaced", async () => {
    const { tools, list } = await open();
    const [first] = await tools.register(all, [toolOf("a", "http")], false);
    expect(await tools.register(all, [toolOf("a", "http")], false)).toEqual([first]);
    const other = toolOf("a", "client");
    await expect(tools.register(all, [toolOf("b", "http"), other], false)).rejects.toMatchObject({
      reason: "TOOL_EXISTS",
      metadata: { tool_name: "a" },
    });
    expect((await list()).items).toEqual([first]);
    const [replaced] = await tools.register(all, [other], true);
    expect(replaced).toMatchObject({ executor: { kind: "client" }, createTime: first?.createTime });
    expect((await list()).items).toEqual([replaced]);
  });

  it("of two at once, one is first", async () => {
    const { tools, list } = await open();
    const both = await Promise.allSettled([
      tools.register(all, [toolOf("a", "http")], false),
      tools.register(all, [toolOf("a", "client")], false),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await list()).items[0]?.executor.kind).toBe("http");
  });

  it("tells everything that is wrong, and registers nothing of it", async () => {
    const { tools, names } = await open();
    const wrong: ToolDefinition[] = [
      { tool: { name: "a b", description: "" }, executor: { kind: "http" } },
      toolOf("fine", "http"),
      {
        tool: { name: "fine", description: "", parameters: { type: "array" } },
        executor: { kind: "function" },
      },
      {
        tool: { name: "s", description: "", parameters: { type: "objekt", properties: 5 } },
        executor: { kind: "client" },
      },
      { tool: { name: "t", description: "", parameters: [] }, executor: { kind: "client", timeoutMs: 0 } },
    ];
    const error = await tools.register(all, wrong, false).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: "INVALID_TOOL", metadata: { tool_name: "a b" } });
    const paths = (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
    expect([...new Set(paths)]).toEqual([
      "/tools/0/tool/name",
      "/tools/2/tool/name",
      "/tools/2/tool/parameters/type",
      "/tools/2/executor",
      "/tools/3/tool/parameters/properties",
      "/tools/3/tool/parameters/type",
      "/tools/4/tool/parameters",
      "/tools/4/executor",
    ]);
    expect(await names()).toEqual([]);
  });

  it.each([
    [
      "a reference to elsewhere, which is not fetched",
      { $ref: "https://example.com/schema.json" },
      "nothing is fetched",
    ],
    ["a reference to nothing", { properties: { a: { $ref: "#/$defs/none" } } }, "nothing is fetched"],
    ["a pattern that is none", { properties: { a: { pattern: "(" } } }, "cannot be used"],
    ["an asynchronous schema", { $async: true }, "$async"],
  ])("refuses %s", async (_, parameters, message) => {
    const { tools } = await open();
    const tool = { name: "a", description: "", parameters: { type: "object", ...parameters } };
    await expect(tools.register(all, [{ tool, executor: { kind: "http" } }], false)).rejects.toMatchObject({
      reason: "INVALID_TOOL",
      message: expect.stringContaining(message),
    });
  });

  it("takes schemas with names for themselves, older dialects, and the same one twice", async () => {
    const { tools, names } = await open();
    const schema = { $schema: "http://json-schema.org/draft-07/schema#", $id: "https://x/y", type: "object" };
    const one = (name: string) => ({
      tool: { name, description: "", parameters: schema },
      executor: { kind: "http" },
    });
    await tools.register(all, [one("a"), one("b")], false);
    expect(await names()).toEqual(["b", "a"]);
  });

  it("asks the executor, and says what nobody executes", async () => {
    const strict: ToolExecutor = {
      ...http,
      check: ({ url }) => {
        if (url === undefined) throw new TypeError("needs a url");
      },
    };
    const { tools } = await open({ toolExecutors: { strict } });
    await expect(tools.register(all, [toolOf("a", "strict")], false)).rejects.toMatchObject({
      reason: "INVALID_TOOL",
      problems: [{ path: "/tools/0/executor", message: "needs a url", rule: "executor" }],
    });
    await expect(tools.register(all, [toolOf("a", "carrier-pigeon")], false)).rejects.toMatchObject({
      reason: "UNSUPPORTED",
    });
    await expect(tools.register(all, [toolOf("a", "constructor")], false)).rejects.toMatchObject({
      reason: "UNSUPPORTED",
    });
  });

  it("is limited in number and size", async () => {
    const limits = { toolsMax: 2, toolsPerSessionMax: 1, toolMaxBytes: 200 };
    const { engine, tools } = await open({ limits });
    await engine.createSession(key);
    const three = ["a", "b", "c"].map((name) => toolOf(name, "http"));
    await expect(tools.register(all, three, false)).rejects.toMatchObject({
      metadata: { limit: "toolsMax" },
    });
    await tools.register(all, three.slice(1), false);
    await expect(tools.register(key, three.slice(1), false)).rejects.toMatchObject({
      reason: "LIMIT_REACHED",
      metadata: { limit: "toolsPerSessionMax" },
    });
    const large = { ...toolOf("a", "http"), executor: { kind: "http", url: "x".repeat(200) } };
    await expect(tools.register(key, [large], false)).rejects.toMatchObject({
      reason: "INVALID_TOOL",
      message: expect.stringContaining("toolMaxBytes"),
    });
  });

  it("is over where the session is", async () => {
    const { engine, tools } = await open();
    await engine.createSession(key);
    await engine.endSession(key);
    await expect(tools.register(key, [toolOf("a", "http")], false)).rejects.toMatchObject({
      reason: "SESSION_ENDED",
    });
  });
});

describe("taking tools away", () => {
  it("skips what is not registered", async () => {
    const { tools, names } = await open();
    await tools.register(all, [toolOf("a", "http"), toolOf("b", "http")], false);
    expect(await tools.unregister(all, ["a", "none", "a"])).toEqual(["a"]);
    expect(await tools.unregister(all, ["a"])).toEqual([]);
    expect(await names()).toEqual(["b"]);
    await expect(tools.unregister(key, ["a"])).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
  });
});

describe("functions of the program", () => {
  const fn: FunctionTool = { name: "fn", description: "", run: () => "x" };

  it("are listed for all, and are nobody else's to change", async () => {
    const { engine, tools, names } = await open({ functions: [fn] });
    expect(await names()).toEqual(["fn"]);
    await expect(tools.register(all, [toolOf("fn", "http")], true)).rejects.toMatchObject({
      reason: "TOOL_EXISTS",
    });
    expect(await tools.unregister(all, ["fn"])).toEqual([]);
    await engine.createSession(key);
    await tools.register(key, [toolOf("fn", "http")], false);
    expect(await names("t")).toEqual(["fn"]);
  });

  it("have to be tools", async () => {
    const wrong = [
      { ...fn, name: "not a name" },
      { ...fn, parameters: { type: "string" } },
    ];
    for (const one of wrong)
      await expect(engineWith(echoAgent(), { functions: [one] })).rejects.toMatchObject({
        reason: "INVALID_TOOL",
      });
    await expect(engineWith(echoAgent(), { functions: [fn, fn] })).rejects.toMatchObject({
      reason: "INVALID_TOOL",
    });
  });
});

describe("pages", () => {
  it("go through all tools once, and their tokens are of one list", async () => {
    const { engine, tools, list } = await open();
    await engine.createSession(key);
    const many = Array.from({ length: 7 }, (_, index) => toolOf(`t${index}`, "http"));
    await tools.register(all, many, false);
    const seen: string[] = [];
    let token = "";
    do {
      const page = await list("", 3, token);
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.items.map(({ tool }) => tool.name));
      token = page.nextPageToken;
    } while (token !== "");
    expect(seen).toEqual(many.map(({ tool }) => tool.name).reverse());
    const { nextPageToken } = await list("", 3);
    await expect(list("t", 3, nextPageToken)).rejects.toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
    await expect(list("", 3, "nonsense")).rejects.toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  });

  it("end before they are too large for a client", async () => {
    const { tools, list } = await open();
    const heavy = Array.from({ length: 30 }, (_, index) => {
      return { ...toolOf(`t${index}`, "http"), executor: { kind: "http", url: "x".repeat(60_000) } };
    });
    await tools.register(all, heavy, false);
    const page = await list("", 1_000);
    expect(page.items.length).toBeLessThan(20);
    const rest = await list("", 1_000, page.nextPageToken);
    expect(page.items.length + rest.items.length).toBe(30);
  });
});
