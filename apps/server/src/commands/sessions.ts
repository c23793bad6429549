import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { messageFromProto } from "@dragoman/agui";
import { type AgentClient, toValue } from "@dragoman/client";
import { type Session, SessionSchema, SessionState } from "@dragoman/contract/orchestrator/v1/session_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { printTable } from "../client/table.ts";
import { durationOf } from "../duration.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { jsonOption, limitOption, pageSizeOf, timeOf } from "./lists.ts";

interface SessionFlags extends ClientFlags {
  readonly json?: boolean;
}

interface ListFlags extends SessionFlags {
  readonly limit: string;
  readonly agent?: string;
  readonly state?: string;
}

interface CreateFlags extends SessionFlags {
  readonly state?: string;
  readonly metadata?: string;
  readonly expireAfter?: string;
  readonly idleTimeout?: string;
  readonly retention?: string;
  readonly maxMessages?: string;
}

interface MessagesFlags extends SessionFlags {
  readonly allRoles?: boolean;
}

/** Adds `dragoman sessions` with its verbs; `list` is what it does without one. */
export function addSessions(program: Command): void {
  const sessions = program
    .command("sessions")
    .summary("list, make, read and end sessions")
    .description("Lists sessions, the last made first; or makes, reads and ends one.")
    .usage("[command] [options]")
    .addHelpText(
      "after",
      `
Examples:
  dragoman sessions
  dragoman sessions --state active --limit 5 --json
  dragoman sessions create support-1 --idle-timeout 12h --retention 90d
  dragoman sessions get support-1
  dragoman sessions messages support-1
  dragoman sessions end support-1`,
    );
  addList(sessions);
  addCreate(sessions);
  addReads(sessions);
  addEnd(sessions);
}

function addList(sessions: Command): void {
  const list = sessions
    .command("list", { isDefault: true })
    .description("Lists sessions, the last made first.")
    .option("--agent <id>", "only sessions whose last run was of this agent")
    .option("--state <state>", "only active, ended or expired ones")
    .option(...limitOption)
    .option(...jsonOption);
  withClientFlags(list).action(async (flags: ListFlags) => {
    process.exitCode = await withClient(flags, (client) => listSessions(client, flags));
  });
}

function addCreate(sessions: Command): void {
  const create = sessions
    .command("create")
    .description("Makes a session, and prints its id.")
    .argument("[session]", "its id; one is made if none is given")
    .option("--state <json>", "the shared state it begins with")
    .option("--metadata <json>", "an object of facts of your own")
    .option("--expire-after <time>", "how long it lives, such as 30d")
    .option("--idle-timeout <time>", "how long it lives without an event, such as 12h")
    .option("--retention <time>", "how long it is kept after its end, such as 90d")
    .option("--max-messages <n>", "how many messages its history may have")
    .option(...jsonOption);
  withClientFlags(create).action(async (sessionId: string | undefined, flags: CreateFlags) => {
    const request = { sessionId: sessionId ?? "", ...stateOf(flags), options: optionsOf(flags) };
    process.exitCode = await withClient(flags, async (client) => {
      const { session } = await client.sessions.createSession(request);
      if (flags.json) printJson(session);
      else processTerminal().out(`${session?.sessionId}\n`);
      return exitCodes.ok;
    });
  });
}

function addReads(sessions: Command): void {
  const get = sessions
    .command("get")
    .description("Shows a session as it stands now.")
    .argument("<session>", "the session")
    .option(...jsonOption);
  withClientFlags(get).action(async (sessionId: string, flags: SessionFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      const { session } = await client.sessions.getSession({ sessionId });
      if (flags.json) printJson(session);
      else if (session) printSession(session);
      return exitCodes.ok;
    });
  });
  const messages = sessions
    .command("messages")
    .description("Prints the messages of the history, oldest first.")
    .argument("<session>", "the session")
    .option("--all-roles", "activity and reasoning messages too")
    .option("--json", "one AG-UI message as JSON a line");
  withClientFlags(messages).action(async (sessionId: string, flags: MessagesFlags) => {
    process.exitCode = await withClient(flags, (client) => printMessages(client, sessionId, flags));
  });
}

function addEnd(sessions: Command): void {
  const end = sessions
    .command("end")
    .description(
      "Ends a session: cancels its runs and takes no more. It can be read until its retention is over.",
    )
    .argument("<session>", "the session")
    .option("--drop-state", "empty its shared state too")
    .option(...jsonOption);
  withClientFlags(end).action(async (sessionId: string, flags: SessionFlags & { dropState?: boolean }) => {
    process.exitCode = await withClient(flags, async (client) => {
      const { session } = await client.sessions.endSession({
        sessionId,
        dropState: flags.dropState ?? false,
      });
      if (flags.json) printJson(session);
      else processTerminal().out(`${session?.sessionId} ${stateName(session)}\n`);
      return exitCodes.ok;
    });
  });
}

async function listSessions(client: AgentClient, flags: ListFlags): Promise<number> {
  const { sessions } = await client.sessions.listSessions({
    pageSize: pageSizeOf(flags.limit),
    agentId: flags.agent ?? "",
    state: stateNamed(flags.state),
  });
  if (flags.json) for (const session of sessions) printJson(session);
  else {
    const rows = sessions.map((session) => [
      session.sessionId,
      session.agentId,
      stateName(session),
      String(session.runCount),
      String(session.messageCount),
      timeOf(session.updateTime),
      session.title,
    ]);
    const heading = ["SESSION", "AGENT", "STATE", "RUNS", "MESSAGES", "UPDATED", "TITLE"];
    printTable(processTerminal(), heading, rows);
  }
  return exitCodes.ok;
}

async function printMessages(client: AgentClient, sessionId: string, flags: MessagesFlags): Promise<number> {
  const terminal = processTerminal();
  const request = { sessionId, allRoles: flags.allRoles ?? false, pageSize: 200 };
  for (let pageToken = ""; ; ) {
    const page = await client.sessions.listMessages({ ...request, pageToken });
    for (const message of page.messages.map(messageFromProto)) {
      const content = "content" in message ? message.content : undefined;
      const text = typeof content === "string" ? content : JSON.stringify(content ?? message);
      terminal.out(
        flags.json ? `${JSON.stringify(message)}\n` : `${terminal.dim(`${message.role}:`)} ${text}\n`,
      );
    }
    pageToken = page.nextPageToken;
    if (pageToken === "") return exitCodes.ok;
  }
}

function printSession(session: Session): void {
  const rows: (readonly [string, string])[] = [
    ["session", session.sessionId],
    ["state", stateName(session)],
    ["agent", session.agentId],
    ["title", session.title],
    ["runs", `${session.runCount}${session.activeRunId && ` (active: ${session.activeRunId})`}`],
    ["messages", String(session.messageCount)],
    ["interrupts", session.openInterruptIds.join(" ")],
    ["events", `${session.headSequence} in log ${session.logId}`],
    ["created", timeOf(session.createTime)],
    ["updated", timeOf(session.updateTime)],
    [session.state === SessionState.EXPIRED ? "expired" : "expires", timeOf(session.expireTime)],
    ["ended", timeOf(session.endTime)],
  ];
  const terminal = processTerminal();
  for (const [name, text] of rows) if (text !== "") terminal.out(`${terminal.dim(name.padEnd(12))}${text}\n`);
}

function printJson(session: Session | undefined): void {
  if (session) processTerminal().out(`${JSON.stringify(toJson(SessionSchema, session))}\n`);
}

function stateName(session: Session | undefined): string {
  return SessionState[session?.state ?? 0]?.toLowerCase() ?? "";
}

function stateNamed(name: string | undefined): SessionState {
  if (name === undefined) return SessionState.UNSPECIFIED;
  const states = { active: SessionState.ACTIVE, ended: SessionState.ENDED, expired: SessionState.EXPIRED };
  const state = states[name as keyof typeof states];
  if (state !== undefined) return state;
  throw new UsageError(`--state takes active, ended or expired, not ${JSON.stringify(name)}.`);
}

function stateOf({ state }: CreateFlags) {
  return state === undefined ? {} : { initialState: toValue(readJson("--state", state)) };
}

function optionsOf({ metadata, expireAfter, idleTimeout, retention, maxMessages }: CreateFlags) {
  const time = (name: string, text: string) => durationFromMs(durationOf(name, text));
  return {
    ...(metadata !== undefined && { metadata: objectOf("--metadata", metadata) }),
    ...(expireAfter !== undefined && { expireAfter: time("--expire-after", expireAfter) }),
    ...(idleTimeout !== undefined && { idleTimeout: time("--idle-timeout", idleTimeout) }),
    ...(retention !== undefined && { retention: time("--retention", retention) }),
    ...(maxMessages !== undefined && { messageCountMax: countOf("--max-messages", maxMessages) }),
  };
}

function readJson(name: string, text: string) {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${name} takes JSON, not ${JSON.stringify(text)}.`);
  }
}

function objectOf(name: string, text: string) {
  const value = readJson(name, text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new UsageError(`${name} takes a JSON object, not ${JSON.stringify(text)}.`);
}

function countOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw new UsageError(`${name} takes a whole number of at least 1, not ${JSON.stringify(text)}.`);
}
