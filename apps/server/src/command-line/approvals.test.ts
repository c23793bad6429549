import { spawn, spawnSync } from "node:child_process";
import { PassThrough } from "node:stream";
import type { AgentClient } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAbout, questionsOn } from "../client/ask-about.ts";
import { waitingInterrupts } from "../client/waiting-interrupts.ts";
import { mainFile } from "../testing/child-server.ts";
import { jsonLines, runCommand, startCommand } from "../testing/run-command.ts";
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

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });

/** A session in which the demo agent waits for an approval; returns the id of the question. */
async function waiting(sessionId: string): Promise<string> {
  for (const content of ["add milk to the list", "delete all notes"]) {
    const messages = [{ id: crypto.randomUUID(), role: "user" as const, content }];
    for await (const _ of client.run({ threadId: sessionId, messages }, { agentId: "demo" }));
  }
  return (await idsIn(sessionId))[0] ?? "";
}

/** What waits in a session. */
const idsIn = async (sessionId: string) =>
  (await waitingInterrupts(client, { sessionId })).map(({ interrupt }) => interrupt?.id);

test("lists what waits, and the answer makes the run go on", async () => {
  const id = await waiting("one");
  const list = await dragoman("approvals", "--agent", "demo");
  expect(list).toMatchObject({ code: 0, stderr: "" });
  expect(list.stdout).toMatch(/^INTERRUPT +SESSION +AGENT +STATE +ASKS/);
  expect(list.stdout).toContain(`${id}  one`);
  expect(list.stdout).toContain('delete_notes({"which":"all"}) May I delete all notes?');
  const approved = await dragoman("approvals", "approve", id, "--follow");
  expect(approved).toMatchObject({ code: 0, stderr: "" });
  expect(approved.stdout).toMatch(/is resolved; the run resumed-\w+ goes on\./);
  expect(approved.stdout).toContain("I deleted 1 of 1 notes");
  expect(await idsIn("one")).toEqual([]);
  const again = await dragoman("approvals", "approve", id, "--session", "one");
  expect(again.stdout).toBe(approved.stdout.split("\n")[0]?.concat("\n"));
  const late = await dragoman("approvals", "deny", id, "--session", "one");
  expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining("INTERRUPT_DECIDED") });
});

test("lists as JSON, a line each", async () => {
  const id = await waiting("json");
  const { stdout } = await dragoman("approvals", "--session", "json", "--json");
  expect(jsonLines(stdout)).toMatchObject([
    { interrupt: { id }, sessionId: "json", state: "INTERRUPT_STATE_OPEN", toolName: "delete_notes" },
  ]);
});

test("denies with a reason, edits arguments, gives what is asked for, cancels", async () => {
  const follow = async (session: string, ...args: string[]) => {
    await waiting(session);
    const [name = "", ...flags] = args;
    const { code, stdout } = await dragoman(
      "approvals",
      name,
      "--session",
      session,
      "--follow",
      "--json",
      ...flags,
    );
    const [outcome, ...events] = jsonLines(stdout) as [
      { interrupt: { answer: object } },
      ...{ type: string }[],
    ];
    expect(code).toBe(0);
    expect(events.at(-1)?.type).toBe("RUN_FINISHED");
    return { answer: outcome.interrupt.answer, said: JSON.stringify(events) };
  };
  const [denied, edited, given, canceled] = await Promise.all([
    follow("deny", "deny", "--reason", "not on a Friday"),
    follow("edit", "approve", "--edit", '{"which": "done"}'),
    follow("give", "answer", "--input", '{"approved": true, "editedArgs": {"which": "all"}}'),
    follow("cancel", "cancel"),
  ]);
  expect(denied.answer).toMatchObject({ payload: { approved: false, reason: "not on a Friday" } });
  expect(denied.said).toContain("declined");
  expect(edited.answer).toMatchObject({ payload: { approved: true, editedArgs: { which: "done" } } });
  expect(edited.said).toContain('deleted\\":0');
  expect(given.said).toContain('deleted\\":1');
  expect(canceled.answer).toMatchObject({ status: "cancelled" });
});

test("watches until it is told to stop", async () => {
  const watching = startCommand(["approvals", "--watch", "--session", "watched"], {
    DRAGOMAN_SERVER: server.url,
  });
  const id = await waiting("watched");
  await watching.printed(`open     ${id} session watched delete_notes`);
  await dragoman("approvals", "cancel", id, "--session", "watched");
  await watching.printed(`canceled ${id}`);
  watching.signal("SIGINT");
  expect(await watching.ended).toMatchObject({ code: 0, stderr: "" });
});

test("says what is wrong with what it was given, and why the server refused", async () => {
  const id = await waiting("wrong");
  const refusals = [
    { args: ["approve"], code: 2, says: "--session" },
    { args: ["approve", "nobody"], code: 1, says: "No interrupt nobody waits" },
    { args: ["approve", "--session", "nobody"], code: 1, says: "Nothing waits there" },
    { args: ["approve", "nobody", "--session", "wrong"], code: 1, says: "INTERRUPT_NOT_FOUND" },
    { args: ["approve", id, "--edit", "[]"], code: 2, says: "takes a JSON object" },
    { args: ["answer", id, "--input", "green"], code: 2, says: "takes JSON" },
    { args: ["answer", id], code: 2, says: "--input" },
    { args: ["approve", id, "--edit", '{"which": "some"}'], code: 1, says: "INVALID_INTERRUPT_PAYLOAD" },
  ];
  await Promise.all(
    refusals.map(async ({ args, code, says }) => {
      const refused = await dragoman("approvals", ...args);
      expect(refused, args.join(" ")).toMatchObject({ code, stderr: expect.stringContaining(says) });
    }),
  );
});

describe("on a terminal", () => {
  /** Types lines as somebody does who waits for the question. */
  async function ask(session: string, typed: readonly string[]) {
    const out: string[] = [];
    const style = (text: string) => text;
    const said = (text: string) => void out.push(text);
    const terminal = { out: said, error: said, dim: style, bold: style, red: style, green: style };
    const input = new PassThrough();
    const lines = [...typed];
    const output = new PassThrough();
    output.on("data", (data: Buffer) => {
      out.push(data.toString());
      if (!/[?:] $/.test(data.toString())) return;
      const line = lines.shift();
      if (line === undefined) input.end();
      else input.write(`${line}\n`);
    });
    const found = await waitingInterrupts(client, { sessionId: session });
    const code = await askAbout(client, found, terminal, questionsOn(input, output));
    return { code, said: out.join("") };
  }

  test.each([
    { typed: ["what", "y"], says: "is resolved" },
    { typed: ["no", "because"], says: "is resolved" },
    {
      typed: ["e", "[]", "e", '{"which": "some"}', "e", '{"which": "done"}'],
      says: "INVALID_INTERRUPT_PAYLOAD",
    },
    { typed: ["i", '{"approved": false}'], says: "is resolved" },
    { typed: ["c"], says: "is canceled" },
  ])("$typed answers", async ({ typed, says }) => {
    const session = `tty-${typed.join("-")}`;
    await waiting(session);
    const { code, said } = await ask(session, typed);
    expect(code).toBe(0);
    expect(said).toContain("[y]es, [n]o, [e]dit the arguments, [i]nput, [c]ancel, [s]kip or [q]uit?");
    expect(said).toContain(says);
    expect(await idsIn(session)).toEqual([]);
  });

  test.each([{ typed: ["s"] }, { typed: ["q"] }, { typed: [] }])(
    "$typed answers nothing",
    async ({ typed }) => {
      const session = `tty-nothing-${typed.join("-")}`;
      await waiting(session);
      await ask(session, typed);
      expect(await idsIn(session)).toHaveLength(1);
    },
  );

  const hasTerminals = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

  test.runIf(hasTerminals)("the command asks", async () => {
    await waiting("real");
    const command = `"${process.execPath}" --conditions=source "${mainFile}" approvals --session real`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      env: { ...process.env, DRAGOMAN_SERVER: server.url, NO_COLOR: "1" },
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      if (!printed.includes("[q]uit? ") && `${printed}${data}`.includes("[q]uit? ")) child.stdin.write("y\r");
      printed += data;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
    expect(printed).toContain("is resolved");
  });
});
