import { randomUUID } from "node:crypto";
import { type AgentOutcome, type SpawnAnswer, toSpawnAnswer } from "@dragoman/client";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface SpawnFlags extends ClientFlags {
  readonly json?: boolean;
  readonly parentSession?: string;
  readonly parentRun?: string;
  readonly taskId?: string;
}

const exitCodeOf: Readonly<Record<AgentOutcome, number>> = {
  success: exitCodes.ok,
  interrupted: exitCodes.interrupted,
  cancelled: exitCodes.cancelled,
};

/** Adds `dragoman spawn`. */
export function addSpawn(program: Command): void {
  const command = program
    .command("spawn")
    .summary("give a task to a sub-agent and print its answer")
    .description(
      "Gives a task to an agent in a session of its own and waits for the answer. With a parent, the parent's run " +
        "shows the sub-agent, and takes it with it when it ends. Without, the task goes on when this command is stopped.",
    )
    .argument("<agent>", "the agent, as `dragoman agents` lists it")
    .argument("<task>", "what to do")
    .option("--parent-session <id>", "the session of the run that delegates")
    .option("--parent-run <id>", "the run that delegates; the active one of its session if not given")
    .option("--task-id <id>", "the id of the task; the same id and task again get the first answer")
    .option("--json", "the answer as one JSON object");
  withClientFlags(command)
    .addHelpText(
      "after",
      `
Exit codes: 0 success, 1 failed, 2 wrong usage, 3 waits for an answer, 4 cancelled, 5 no server.

Examples:
  dragoman spawn demo "What is 6 * 7?"
  dragoman spawn demo "research gRPC" --parent-session s1 --json`,
    )
    .action(async (agentId: string, task: string, flags: SpawnFlags) => {
      process.exitCode = await spawn(agentId, task, flags);
    });
}

async function spawn(targetAgentId: string, task: string, flags: SpawnFlags): Promise<number> {
  if (flags.parentRun && !flags.parentSession)
    throw new UsageError("--parent-run needs --parent-session: run ids are unique only within a session.");
  const request = {
    targetAgentId,
    task,
    taskId: flags.taskId ?? randomUUID(),
    parentSessionId: flags.parentSession ?? "",
    parentRunId: flags.parentRun ?? "",
  };
  const answer = await withClient(flags, async ({ loop }) => toSpawnAnswer(await loop.spawnAgent(request)));
  print(answer, processTerminal(), flags.json ?? false);
  return exitCodeOf[answer.outcome];
}

function print(answer: SpawnAnswer, terminal: Terminal, asJson: boolean): void {
  if (asJson) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return;
  }
  if (answer.content !== "") terminal.out(`${answer.content}\n`);
  const waiting = answer.interruptIds.join(", ");
  if (answer.outcome === "interrupted") terminal.error(`The sub-agent waits for an answer to ${waiting}.\n`);
  if (answer.outcome === "cancelled") terminal.error("The sub-agent was cancelled.\n");
  terminal.error(terminal.dim(`session ${answer.sessionId}\n`));
}
