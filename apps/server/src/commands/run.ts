import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { jsonPrinter, readablePrinter } from "../client/print-events.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal } from "../terminal.ts";

interface RunFlags extends ClientFlags {
  readonly json?: boolean;
  readonly session?: string;
  readonly run?: string;
}

/** Adds `dragoman run`. */
export function addRun(program: Command): void {
  const command = program
    .command("run")
    .summary("say something to an agent and read its answer")
    .description(
      "Starts a run and streams it to its end, over whatever cuts the connection. Ctrl-C cancels the run.",
    )
    .argument("<agent>", "the agent, as `dragoman agents` lists it")
    .argument("<text>", "what to say")
    .option("--session <id>", "the session to go on with; a new one if not given")
    .option("--run <id>", "the id of the run; the same id and text again joins it instead of running twice")
    .option("--json", "one AG-UI JSON event a line");
  withClientFlags(command)
    .addHelpText(
      "after",
      `
Exit codes: 0 success, 1 failed, 2 wrong usage, 3 waits for an answer, 4 cancelled, 5 no server.

Examples:
  dragoman run demo "What can you do?"
  dragoman run demo "What is 6 * 7?" --session s1 --json | tail -1`,
    )
    .action(async (agentId: string, text: string, flags: RunFlags) => {
      process.exitCode = await run(agentId, text, flags);
    });
}

function run(agentId: string, text: string, flags: RunFlags): Promise<number> {
  const terminal = processTerminal();
  const printer = flags.json ? jsonPrinter(terminal) : readablePrinter(terminal);
  const threadId = flags.session ?? randomUUID();
  const runId = flags.run ?? randomUUID();
  return withClient(flags, async (client) => {
    const messages = [{ id: `${runId}-user`, role: "user" as const, content: text }];
    const stream = client.run({ threadId, runId, messages, protocolVersion: "1.0" }, { agentId });
    const leave = () => process.exit(exitCodes.failed);
    const release = onSignals(["SIGINT"], () => void stream.cancel().catch(leave), leave);
    try {
      for await (const { event } of stream) printer.print(event);
    } finally {
      release();
      printer.end();
    }
    if (!flags.json && !flags.session) terminal.error(terminal.dim(`session ${threadId}\n`));
    return printer.exitCode;
  });
}
