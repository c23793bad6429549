import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import type { AguiEvent } from "@dragoman/agui";
import { ChatControl_Action as Action, ChatMode } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import type { Command } from "commander";
import { ChatConnection } from "../client/chat-connection.ts";
import { chatPrinter } from "../client/chat-printer.ts";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { jsonPrinter, readablePrinter } from "../client/print-events.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal, type Terminal } from "../terminal.ts";

interface ChatFlags extends ClientFlags {
  readonly session?: string;
  readonly queue?: boolean;
  readonly json?: boolean;
}

const controls: Readonly<Record<string, Action>> = {
  "/cancel": Action.CANCEL,
  "/pause": Action.PAUSE,
  "/resume": Action.RESUME,
  "/reset": Action.RESET,
};
const help =
  "/cancel ends what the agent does, /pause and /resume hold it, /reset forgets everything, /quit leaves.";

/** Adds `dragoman chat`. */
export function addChat(program: Command): void {
  const command = program
    .command("chat")
    .summary("talk with an agent, also while it works")
    .description(
      "Sends each line that you type, and prints what comes of it, over whatever cuts the connection. What is said " +
        "while the agent works goes to it where it listens, else it waits. At the end of the input the command ends " +
        `with the last answer.\n\n${help} Ctrl-C cancels, too; once more leaves.`,
    )
    .argument("[agent]", "the agent, as `dragoman agents` lists it; the one of the session if not given")
    .option("--session <id>", "the session to go on with; a new one if not given")
    .option("--queue", "let what is said while the agent works wait, also where it listens")
    .option("--json", "one AG-UI JSON event a line");
  withClientFlags(command)
    .addHelpText(
      "after",
      `
Exit code: that of the last run, as \`dragoman run\` has it; 1 where a line of a file or pipe was not taken.

Examples:
  dragoman chat demo
  dragoman chat --session s1
  echo "What is 6 * 7?" | dragoman chat demo`,
    )
    .action(async (agentId: string | undefined, flags: ChatFlags) => {
      process.exitCode = await chat(agentId ?? "", flags);
    });
}

function chat(agentId: string, flags: ChatFlags): Promise<number> {
  const terminal = processTerminal();
  const printer = flags.json ? jsonPrinter(terminal) : readablePrinter(terminal);
  const own = new Set<string>();
  let isRejected = false;
  const print = flags.json ? printer.print : chatPrinter(printer, terminal, (id) => own.has(id));
  return withClient(flags, async (client) => {
    const mode = flags.queue ? ChatMode.QUEUE : ChatMode.STEER;
    const talk = new ChatConnection(
      client,
      { chatId: flags.session ?? randomUUID(), agentId, mode },
      {
        onEvent: (event) => {
          print(event);
          if (!flags.json) tellHowToAnswer(event, terminal);
        },
        onRejected: ({ message, reason }) => {
          isRejected = true;
          terminal.error(`${terminal.red(`${message} (${reason})`)}\n`);
        },
        onLost: ({ rawMessage }) => terminal.error(terminal.dim(`${rawMessage}: connecting again\n`)),
      },
    );
    const release = onSignals(
      ["SIGINT"],
      () => talk.send({ case: "control", value: { action: Action.CANCEL } }),
      () => process.exit(exitCodes.cancelled),
    );
    if (process.stdin.isTTY && !flags.json) terminal.error(terminal.dim(`Say something. ${help}\n`));
    const lines = createInterface({ input: process.stdin });
    lines.on("line", (line) => takeLine(line, talk, own, terminal));
    lines.on("close", () => talk.done());
    try {
      await talk.read();
    } finally {
      release();
      lines.close();
      printer.end();
    }
    if (!flags.json && !flags.session) terminal.error(terminal.dim(`session ${talk.chatId}\n`));
    return isRejected && !process.stdin.isTTY ? exitCodes.failed : printer.exitCode;
  });
}

/** A line that is typed is a message, also while a question waits. */
function tellHowToAnswer(event: AguiEvent, terminal: Terminal): void {
  if (event.type !== "RUN_FINISHED" || event.outcome?.type !== "interrupt") return;
  for (const { id } of event.outcome.interrupts)
    terminal.error(terminal.dim(`Answer: dragoman approvals approve ${id} (or deny, answer, cancel)\n`));
}

function takeLine(line: string, talk: ChatConnection, own: Set<string>, terminal: Terminal): void {
  const text = line.trim();
  const action = controls[text];
  if (text === "/quit") talk.leave();
  else if (action !== undefined) talk.send({ case: "control", value: { action } });
  else if (/^\/\w+$/.test(text)) terminal.error(`${help}\n`);
  else if (text !== "") own.add(talk.say(text));
}
