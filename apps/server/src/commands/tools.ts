import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type RegisteredTool, RegisteredToolSchema } from "@dragoman/contract/orchestrator/v1/tool_pb";
import { ExecuteToolResponseSchema } from "@dragoman/contract/orchestrator/v1/tool_service_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { printTable } from "../client/table.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { type DefinitionFlags, definedTool, timeoutOf } from "./tool-definition.ts";

interface ToolFlags extends ClientFlags {
  readonly json?: boolean;
  readonly session?: string;
}

interface RegisterFlags extends ToolFlags, DefinitionFlags {
  readonly file?: string;
  readonly replace?: boolean;
}

interface ExecuteFlags extends ToolFlags {
  readonly callId?: string;
  readonly timeoutMs?: string;
}

interface AnswerFlags extends ToolFlags {
  readonly error?: string;
  readonly hold?: boolean;
}

const sessionOption = ["--session <id>", "the tools of this session; those for all if not given"] as const;
const jsonOption = ["--json", "one JSON object a line"] as const;
/** How many tools a page of a list has. */
const pageSize = 1_000;

/** Adds `dragoman tools`. */
export function addTools(program: Command): void {
  const tools = program
    .command("tools")
    .summary("register, list and execute the tools that agents are offered")
    .description("Registers, lists and executes the tools that agents are offered.")
    .addHelpText(
      "after",
      `
Examples:
  dragoman tools register scan --client --description "Scans a code" --session s1
  dragoman tools register --file tools.json
  dragoman tools list --session s1
  dragoman tools execute weather '{"city": "Rome"}'
  dragoman tools answer s1 call-1 "4006381333931"
  dragoman tools unregister weather`,
    );
  addList(tools);
  addRegister(tools);
  addUnregister(tools);
  addExecute(tools);
  addAnswer(tools);
}

function addList(tools: Command): void {
  const command = tools.command("list").description("Lists tools, newest first.");
  withClientFlags(command.option(...sessionOption).option(...jsonOption)).action(async (flags: ToolFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      const all: RegisteredTool[] = [];
      for (let pageToken = ""; ; ) {
        const page = await client.tools.listTools({ sessionId: flags.session ?? "", pageSize, pageToken });
        all.push(...page.tools);
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
      }
      printTools(all, flags);
      return exitCodes.ok;
    });
  });
}

function addRegister(tools: Command): void {
  const command = tools
    .command("register")
    .description("Registers tools: one by flags, or those of a file, all or none.")
    .argument("[name]", "letters, digits, _ and -")
    .option(
      "--file <path>",
      'a JSON list of {"tool": {"name", "description", "parameters"}, "executor": {"http": {"url"}}}',
    )
    .option("--description <text>", "what it does, for the model")
    .option("--parameters <schema>", "JSON Schema of its arguments")
    .option("--url <url>", "the HTTP endpoint that executes it")
    .option("--method <method>", "GET, POST, PUT, PATCH or DELETE; POST if not given")
    .option("--header <name:value...>", "a header of each call, such as authorization")
    .option("--client", "a connected client executes it")
    .option("--timeout-ms <n>", "how long a call may take")
    .option("--replace", "take the place of a tool of that name")
    .option(...sessionOption);
  withClientFlags(command.option(...jsonOption)).action(
    async (name: string | undefined, flags: RegisterFlags) => {
      const wanted = wantedTools(name, flags);
      process.exitCode = await withClient(flags, async (client) => {
        const { session: sessionId = "", replace = false } = flags;
        printTools((await client.tools.registerTools({ sessionId, tools: wanted, replace })).tools, flags);
        return exitCodes.ok;
      });
    },
  );
}

function addUnregister(tools: Command): void {
  const command = tools
    .command("unregister")
    .description("Takes tools away, and prints the names of those that were there.")
    .argument("<names...>", "their names")
    .option(...sessionOption);
  withClientFlags(command).action(async (names: string[], flags: ToolFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      const removed = await client.tools.unregisterTools({ sessionId: flags.session ?? "", names });
      for (const name of removed.names) processTerminal().out(`${name}\n`);
      return exitCodes.ok;
    });
  });
}

function addExecute(tools: Command): void {
  const command = tools
    .command("execute")
    .description("Executes a tool and prints its result.")
    .argument("<name>", "the tool")
    .argument("[arguments]", "a JSON object", "{}")
    .option("--session <id>", "the session to execute it in, which logs it")
    .option("--call-id <id>", "the id of the call; the same id and call again get the first result")
    .option("--timeout-ms <n>", "how long it may take")
    .option("--json", "the result as one JSON object");
  withClientFlags(command).action(async (toolName: string, text: string, flags: ExecuteFlags) => {
    const request = {
      toolName,
      sessionId: flags.session ?? "",
      arguments: objectOf(text),
      toolCallId: flags.callId ?? randomUUID(),
      ...(flags.timeoutMs !== undefined && { timeout: durationFromMs(timeoutOf(flags.timeoutMs)) }),
    };
    process.exitCode = await withClient(flags, async (client) => {
      const result = await client.tools.executeTool(request);
      const shown = flags.json ? JSON.stringify(toJson(ExecuteToolResponseSchema, result)) : result.content;
      processTerminal().out(`${shown}\n`);
      return exitCodes.ok;
    });
  });
}

function addAnswer(tools: Command): void {
  const command = tools
    .command("answer")
    .description("Answers a call that waits for a client. The first answer counts.")
    .argument("<session>", "the session")
    .argument("<call>", "the id of the call, as TOOL_CALL_START has it")
    .argument("[content]", "the result", "")
    .option("--error <text>", "what went wrong, where the tool failed")
    .option("--hold", "start no run with it")
    .option("--json", "one JSON object");
  withClientFlags(command).action(
    async (sessionId: string, toolCallId: string, content: string, flags: AnswerFlags) => {
      process.exitCode = await withClient(flags, async (client) => {
        const { error, hold = false } = flags;
        const result = { sessionId, toolCallId, content, hold, ...(error !== undefined && { error }) };
        const { runId, sequence } = await client.tools.submitToolResult(result);
        const terminal = processTerminal();
        if (flags.json) terminal.out(`${JSON.stringify({ runId, sequence: Number(sequence) })}\n`);
        else
          terminal.out(
            runId === "" ? "taken; no run goes on with it now\n" : `taken; run ${runId} goes on with it\n`,
          );
        return exitCodes.ok;
      });
    },
  );
}

function printTools(tools: readonly RegisteredTool[], flags: ToolFlags): void {
  const terminal = processTerminal();
  if (flags.json) {
    for (const tool of tools) terminal.out(`${JSON.stringify(toJson(RegisteredToolSchema, tool))}\n`);
    return;
  }
  const rows = tools.map(({ tool, executor, sessionId }) => {
    const { case: kind = "", value } = executor?.kind ?? {};
    const where = value && "url" in value ? value.url : "";
    return [tool?.name ?? "", kind, sessionId, where || (tool?.description ?? "")];
  });
  printTable(terminal, ["TOOL", "EXECUTOR", "SESSION", "WHAT"], rows);
}

function wantedTools(name: string | undefined, flags: RegisterFlags): RegisteredTool[] {
  if (flags.file === undefined) return [definedTool(name, flags)];
  if (name !== undefined) throw new UsageError("--file names the tools itself: leave <name> out.");
  const list = readList(flags.file);
  return list.map((one, index) => {
    try {
      return fromJson(RegisteredToolSchema, one);
    } catch (error) {
      const why = error instanceof Error ? error.message : "it cannot be read";
      throw new UsageError(`${flags.file}: tool ${index + 1} is none: ${why}`);
    }
  });
}

function readList(path: string): JsonValue[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`--file ${path} cannot be read: ${error instanceof Error ? error.message : ""}`);
  }
  if (Array.isArray(value)) return value as JsonValue[];
  throw new UsageError(`--file ${path} has to hold a JSON list of tools.`);
}

function objectOf(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new UsageError(
    `[arguments] takes a JSON object such as '{"city": "Rome"}', not ${JSON.stringify(text)}.`,
  );
}
