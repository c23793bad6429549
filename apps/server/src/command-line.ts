import { Command, CommanderError } from "commander";
import { CommandError } from "./client/command-error.ts";
import { addAgents } from "./commands/agents.ts";
import { addApprovals } from "./commands/approvals.ts";
import { addBatch } from "./commands/batch.ts";
import { addCancel } from "./commands/cancel.ts";
import { addChat } from "./commands/chat.ts";
import { addLists } from "./commands/lists.ts";
import { addObserve } from "./commands/observe.ts";
import { addRun } from "./commands/run.ts";
import { addServe } from "./commands/serve.ts";
import { addSessions } from "./commands/sessions.ts";
import { addSpawn } from "./commands/spawn.ts";
import { addState } from "./commands/state.ts";
import { addTools } from "./commands/tools.ts";
import { exitCodes } from "./exit-codes.ts";
import { processTerminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

/** Runs `dragoman`: sets the exit code of the process, and never throws. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const program = new Command("dragoman")
    .description("The AG-UI agent server: one contract, every wire; runs that nothing can lose.")
    .version(version)
    // What follows the name of a command is its own, also where the command above has an option of that name.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(--help says more)");
  addServe(program);
  addRun(program);
  addChat(program);
  addSpawn(program);
  addObserve(program);
  addLists(program);
  addAgents(program);
  addSessions(program);
  addCancel(program);
  addBatch(program);
  addState(program);
  addTools(program);
  addApprovals(program);
  for (const command of program.commands) command.exitOverride().showHelpAfterError("(--help says more)");
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  const terminal = processTerminal();
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof UsageError) {
    terminal.error(`${error.message}\n`);
    return exitCodes.usage;
  }
  if (error instanceof CommandError) {
    terminal.error(`${error.message}\n`);
    return error.exitCode;
  }
  terminal.error(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.failed;
}
