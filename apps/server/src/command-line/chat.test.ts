import type { AgentClient } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import { createFaultProxy, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, linesOf, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let client: AgentClient;
beforeAll(async () => {
  server = await startTestServer();
  client = createAgentClient({ baseUrl: server.url });
});
afterAll(async () => {
  client.close();
  await server.close();
});

/** Starts `dragoman chat` with lines to type; it goes on until they are ended. */
const startChat = (args: readonly string[], url = server.url) =>
  startCommand(["chat", ...args], { DRAGOMAN_SERVER: url }, { hasInput: true });

/** Types lines and the end of the input, and waits for the end. */
function chat(args: readonly string[], ...lines: string[]) {
  const command = startChat(args);
  for (const line of lines) command.type(line);
  command.endInput();
  return command.ended;
}

/** Says something as another client does. */
const say = (chatId: string, content: string) => {
  const message = { id: crypto.randomUUID(), role: "user", content };
  return client.chat.sendChatInput({
    chatId,
    agentId: "demo",
    input: { input: { case: "message", value: message } },
  });
};
const texts = async (sessionId: string) =>
  (await client.sessions.listMessages({ sessionId })).messages.map(({ content }) => content);

describe("dragoman chat", () => {
  test("answers each line, and ends with the last answer", async () => {
    const { code, stdout, stderr } = await chat(["demo"], "what is 6 * 7", "say hello");
    expect([code, linesOf(stdout).at(-1)]).toEqual([0, "hello"]);
    expect(stdout).toContain("6 * 7 = 42\n");
    expect(stderr).toMatch(/^session \S+\n$/);
  });

  test("goes on with a session, and does not show what was before", async () => {
    await say("c1", "say before");
    await waitUntil(async () => (await texts("c1")).includes("before"), "the first answer");
    const { code, stdout, stderr } = await chat(["--session", "c1"], "say after");
    expect([code, stdout, stderr]).toEqual([0, "after\n", ""]);
  });

  test("talks to an agent that listens while it works", async () => {
    const command = startChat(["demo", "--session", "c2"]);
    command.type("count to 500 every 50 ms");
    await command.printed("1 2 3");
    command.type("stop");
    command.endInput();
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    expect(linesOf(stdout).at(-1)).toMatch(/^I stop at \d+\.$/);
    expect(stdout).not.toContain("stop\n");
  });

  test("shows what others say", async () => {
    const command = startChat(["demo", "--session", "c3"]);
    command.type("say first");
    await command.printed("first");
    await say("c3", "say second");
    await command.printed("> say second\nsecond");
    command.type("/quit");
    expect((await command.ended).code).toBe(0);
  });

  test("cancels, pauses, resumes and resets; says what it does not know", async () => {
    const command = startChat(["demo", "--session", "c4"]);
    command.type("count to 500 every 50 ms");
    await command.printed("1 2 3");
    for (const line of ["/pause", "/resume", "/dance", "/cancel"]) command.type(line);
    await command.printed("The run was cancelled.");
    command.type("/reset");
    command.endInput();
    const { code, stderr } = await command.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("/cancel ends what the agent does");
  });

  test("prints JSON for programs, also what was said", async () => {
    const { stdout } = await chat(["demo", "--json"], "say hello");
    const types = (jsonLines(stdout) as { type: string }[]).map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(["RUN_STARTED", "RUN_FINISHED"]);
  });

  test("a line that is not taken is told, and the exit code", async () => {
    const lines = Array.from({ length: 18 }, (_, index) => `say ${index}`);
    const flags = ["demo", "--queue"];
    const { code, stdout, stderr } = await chat(flags, "count to 500 every 50 ms", ...lines, "/cancel");
    expect([code, linesOf(stdout).at(-1)]).toEqual([1, "15"]);
    expect(stderr).toContain("LIMIT_REACHED");
  });

  test("a run that fails is the exit code", async () => {
    const { code, stdout } = await chat(["demo"], "fail");
    expect([code, stdout]).toEqual([1, expect.stringContaining("The run failed:")]);
  });

  test("says how a question is answered, and shows what comes of it", async () => {
    const command = startChat(["demo", "--session", "c5"]);
    command.type("delete all notes");
    await command.printed("The run waits for an answer");
    const { session } = await client.sessions.getSession({ sessionId: "c5" });
    const [interruptId = ""] = session?.openInterruptIds ?? [];
    const decision = { case: "deny", value: {} } as const;
    await client.humanInLoop.resolveInterrupt({ sessionId: "c5", interruptId, decision });
    await command.printed("All right, I leave it as it is.");
    command.endInput();
    const { code, stderr } = await command.ended;
    expect([code, stderr]).toEqual([
      0,
      `Answer: dragoman approvals approve ${interruptId} (or deny, answer, cancel)\n`,
    ]);
  });

  test("goes on where its connection is cut", async () => {
    const proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
    const command = startChat(["demo", "--queue"], proxy.url);
    command.type("count to 60 every 20 ms");
    await command.printed("1 2 3");
    proxy.cut();
    await command.printed("20 21");
    proxy.cut();
    command.type("say done");
    command.endInput();
    const { code, stdout, stderr } = await command.ended;
    await proxy.close();
    expect([code, linesOf(stdout).at(-1)]).toEqual([0, "done"]);
    expect(stdout).toContain(Array.from({ length: 60 }, (_, index) => index + 1).join(" "));
    expect(stderr).toContain("connecting again");
  });
});
