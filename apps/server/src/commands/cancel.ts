import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal } from "../terminal.ts";

/** Adds `dragoman cancel`. */
export function addCancel(program: Command): void {
  const command = program
    .command("cancel")
    .summary("end a run as cancelled")
    .description("Ends a run as cancelled. Cancelling a run that has ended changes nothing.")
    .argument("<session>", "the session")
    .argument("[run]", "the run; the active one if not given");
  withClientFlags(command)
    .addHelpText("after", "\nExamples:\n  dragoman cancel s1\n  dragoman cancel s1 r1")
    .action(async (sessionId: string, runId: string | undefined, flags: ClientFlags) => {
      process.exitCode = await withClient(flags, async (client) => {
        const { run } = await client.runs.cancelRun({ sessionId, runId: runId ?? "" });
        processTerminal().out(`${run?.runId} ${RunState[run?.state ?? 0]?.toLowerCase()}\n`);
        return exitCodes.ok;
      });
    });
}
