import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAgentClient } from "@dragoman/client/node";
import { createTempFolder } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpTool, startHttpTool } from "../testing/http-tool.ts";
import { jsonLines, linesOf, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let endpoint: HttpTool;
beforeAll(async () => {
  server = await startTestServer();
  endpoint = await startHttpTool();
});
afterAll(async () => {
  await server.close();
  await endpoint[Symbol.asyncDispose]();
});

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });
const schema = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}';

test("registers by flags, lists, executes and takes away", async () => {
  const flags = [
    "--description",
    "weather",
    "--parameters",
    schema,
    "--url",
    endpoint.url,
    "--header",
    "x-key: hidden",
  ];
  const registered = await dragoman("tools", "register", "weather", ...flags);
  expect(registered).toMatchObject({ code: 0, stderr: "" });
  expect(linesOf(registered.stdout)[1]).toMatch(/^weather +http +http:/);
  const listed = jsonLines((await dragoman("tools", "list", "--json")).stdout);
  expect(listed).toMatchObject([
    { tool: { name: "weather" }, executor: { http: { url: endpoint.url, headers: { "x-key": "" } } } },
  ]);
  const executed = await dragoman("tools", "execute", "weather", '{"city": "Rome"}');
  expect(executed).toMatchObject({ code: 0, stdout: '{"city":"Rome"}\n' });
  expect(endpoint.received.at(-1)?.headers["x-key"]).toBe("hidden");
  const refused = await dragoman("tools", "execute", "weather", '{"city": 5}');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("/city must be string") });
  expect(await dragoman("tools", "unregister", "weather", "none")).toMatchObject({
    code: 0,
    stdout: "weather\n",
  });
});

test("registers what a file lists, for a session", async () => {
  await using folder = await createTempFolder();
  const file = join(folder.path, "tools.json");
  const tools = [
    { tool: { name: "one", description: "1" }, executor: { http: { url: endpoint.url, timeout: "2s" } } },
    { tool: { name: "two", description: "2" }, executor: { client: {} } },
  ];
  await writeFile(file, JSON.stringify(tools));
  await dragoman("run", "demo", "hello", "--session", "s");
  const registered = await dragoman("tools", "register", "--file", file, "--session", "s");
  expect(linesOf(registered.stdout).slice(1)).toEqual([
    expect.stringMatching(/^one +http +s /),
    expect.stringMatching(/^two +client +s +2/),
  ]);
  await writeFile(file, '[{"tool": {"nome": "x"}}]');
  expect(await dragoman("tools", "register", "--file", file)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("tool 1 is none"),
  });
});

test("answers a call that waits for a client", async () => {
  await dragoman("tools", "register", "scan", "--client");
  const running = startCommand(["run", "demo", "use tool scan with {}", "--session", "scanning", "--json"], {
    DRAGOMAN_SERVER: server.url,
  });
  await running.printed('"TOOL_CALL_END"');
  const client = createAgentClient({ baseUrl: server.url });
  const { messages } = await client.sessions.listMessages({ sessionId: "scanning" });
  client.close();
  const [call] = messages.flatMap(({ role, toolCalls }) => (role === "assistant" ? toolCalls : []));
  const answered = await dragoman("tools", "answer", "scanning", call?.id ?? "", "4006381333931");
  expect(answered.stdout).toMatch(/^taken; run \S+ goes on with it\n$/);
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(stdout).toContain("4006381333931");
  const again = await dragoman("tools", "answer", "scanning", call?.id ?? "", "another");
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("TOOL_CALL_ANSWERED") });
});

test("says what is wrong with what it was given", async () => {
  const unread = await dragoman("tools", "register", "--file", "nowhere.json");
  expect(unread).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be read") });
  const list = await dragoman("tools", "execute", "a", "[1]");
  expect(list).toMatchObject({ code: 2, stderr: expect.stringContaining("[arguments] takes") });
  const inside = await dragoman("tools", "register", "a", "--url", "http://169.254.169.254/");
  expect(inside).toMatchObject({ code: 1, stderr: expect.stringContaining("ENDPOINT_NOT_ALLOWED") });
});
