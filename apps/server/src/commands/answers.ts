import { type JsonObject, toJson } from "@bufbuild/protobuf";
import type { Json } from "@dragoman/agui";
import { type AgentClient, toValue } from "@dragoman/client";
import {
  type ResolveInterruptRequest,
  type ResolveInterruptResponse,
  ResolveInterruptResponseSchema,
} from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import type { Command } from "commander";
import { CommandError } from "../client/command-error.ts";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { outcomeText } from "../client/interrupt-text.ts";
import { jsonPrinter, readablePrinter } from "../client/print-events.ts";
import { waitingInterrupts } from "../client/waiting-interrupts.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface AnswerFlags extends ClientFlags {
  readonly session?: string;
  readonly run?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly edit?: string;
  readonly reason?: string;
  readonly input?: string;
}

type Decision = ResolveInterruptRequest["decision"];

/** Adds the answers to `dragoman approvals`. */
export function addAnswers(approvals: Command): void {
  answer(approvals, "approve", "Says yes.", ({ edit }) => {
    const edited = edit === undefined ? {} : { editedArguments: readObject("--edit", edit) };
    return { case: "approve", value: edited as never };
  }).option("--edit <json>", "the arguments to use instead of the agent's, all of them");
  answer(approvals, "deny", "Says no.", ({ reason = "" }) => {
    return { case: "deny", value: { reason } as never };
  }).option("--reason <text>", "why");
  answer(approvals, "answer", "Gives what is asked for.", ({ input = "" }) => {
    return { case: "input", value: toValue(readJson("--input", input)) };
  }).requiredOption("--input <json>", "the answer, as the response schema says");
  answer(approvals, "cancel", "Says that there will be no answer.", () => {
    return { case: "cancel", value: {} as never };
  });
}

function answer(
  approvals: Command,
  name: string,
  description: string,
  decisionOf: (flags: AnswerFlags) => Decision,
): Command {
  const command = approvals
    .command(name)
    .description(description)
    .argument("[interrupt]", "the interrupt; with --session or --run, the only one that waits there")
    .option("--session <id>", "its session; needed only where several have an interrupt of that id")
    .option("--run <id>", "its run; needed only where several have an interrupt of that id")
    .option("--follow", "read the run that goes on to its end; the exit code is then that of `dragoman run`")
    .option("--json", "what became of it, as one JSON object a line; with --follow, then the events");
  return withClientFlags(command).action(async (interruptId: string | undefined, flags: AnswerFlags) => {
    const decision = decisionOf(flags);
    process.exitCode = await withClient(flags, (client) => resolve(client, interruptId, decision, flags));
  });
}

async function resolve(
  client: AgentClient,
  interruptId: string | undefined,
  decision: Decision,
  flags: AnswerFlags,
): Promise<number> {
  const terminal = processTerminal();
  const place = await placeOf(client, interruptId, flags);
  const resolved = await client.humanInLoop.resolveInterrupt({ ...place, decision });
  if (flags.json) terminal.out(`${JSON.stringify(toJson(ResolveInterruptResponseSchema, resolved))}\n`);
  else terminal.out(`${outcomeText(resolved)}\n`);
  return flags.follow ? follow(client, place.sessionId, resolved, flags) : exitCodes.ok;
}

/** Which interrupt is meant: as the flags say, or the only one that waits there. */
async function placeOf(client: AgentClient, interruptId: string | undefined, flags: AnswerFlags) {
  const { session: sessionId = "", run: runId = "" } = flags;
  // One that is named with its session may be decided already: the server tells how.
  if (interruptId !== undefined && sessionId !== "") return { sessionId, runId, interruptId };
  if (interruptId === undefined && sessionId === "" && runId === "")
    throw new UsageError("Name the interrupt, or where it waits: --session or --run.");
  const waiting = await waitingInterrupts(client, { sessionId, runId });
  const meant = waiting.filter(({ interrupt }) => interruptId === undefined || interrupt?.id === interruptId);
  const [found, another] = meant;
  if (found && !another)
    return { sessionId: found.sessionId, runId: found.runId, interruptId: found.interrupt?.id ?? "" };
  const message = found
    ? `Several wait: say which. ${meant.map((one) => `${one.interrupt?.id} (--session ${one.sessionId})`).join(", ")}`
    : `${interruptId ? `No interrupt ${interruptId}` : "Nothing"} waits there; name one that was answered with --session.`;
  throw new CommandError(message, exitCodes.failed);
}

async function follow(
  client: AgentClient,
  sessionId: string,
  { resumedRunId: runId, openInterruptIds }: ResolveInterruptResponse,
  flags: AnswerFlags,
): Promise<number> {
  if (runId === "") return openInterruptIds.length > 0 ? exitCodes.interrupted : exitCodes.ok;
  const terminal = processTerminal();
  const printer = flags.json ? jsonPrinter(terminal) : readablePrinter(terminal);
  try {
    for await (const { event } of client.observeRun({ sessionId, runId })) printer.print(event);
  } finally {
    printer.end();
  }
  return printer.exitCode;
}

function readJson(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new UsageError(`${name} takes JSON, such as '{"a": 1}' or '"text"', not ${JSON.stringify(text)}.`);
  }
}

function readObject(name: string, text: string): JsonObject {
  const value = readJson(name, text);
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
  throw new UsageError(`${name} takes a JSON object, such as '{"a": 1}', not ${JSON.stringify(text)}.`);
}
