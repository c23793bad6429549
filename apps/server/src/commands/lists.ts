import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { RunSchema, RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { printTable } from "../client/table.ts";
import { exitCodes } from "../exit-codes.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface ListFlags extends ClientFlags {
  readonly json?: boolean;
  readonly limit: string;
  readonly session?: string;
  readonly agent?: string;
}

/** What one page of a list may have. */
const limitMax = 1_000;
/** The flags of lists. */
export const jsonOption = ["--json", "one JSON object a line"] as const;
export const limitOption = ["--limit <n>", "at most so many, up to 1000", "50"] as const;

/** Adds `dragoman runs`. */
export function addLists(program: Command): void {
  const runs = program
    .command("runs")
    .summary("list runs, newest first")
    .description("Lists runs, newest first.");
  runs
    .option("--session <id>", "only runs of this session")
    .option("--agent <id>", "only runs of this agent");
  withClientFlags(runs.option(...limitOption).option(...jsonOption))
    .addHelpText("after", "\nExamples:\n  dragoman runs\n  dragoman runs --session s1 --json")
    .action(async (flags: ListFlags) => {
      process.exitCode = await listRuns(flags);
    });
}

function listRuns(flags: ListFlags): Promise<number> {
  const terminal = processTerminal();
  return withClient(flags, async (client) => {
    const pageSize = pageSizeOf(flags.limit);
    const { runs } = await client.runs.listRuns({
      pageSize,
      sessionId: flags.session ?? "",
      agentId: flags.agent ?? "",
    });
    if (flags.json) for (const run of runs) terminal.out(`${JSON.stringify(toJson(RunSchema, run))}\n`);
    else {
      const rows = runs.map((run) => [
        run.runId,
        run.sessionId,
        run.agentId,
        RunState[run.state].toLowerCase(),
        timeOf(run.createTime),
      ]);
      printTable(terminal, ["RUN", "SESSION", "AGENT", "STATE", "CREATED"], rows);
    }
    return exitCodes.ok;
  });
}

/** Reads --limit. */
export function pageSizeOf(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= limitMax) return value;
  throw new UsageError(`--limit takes a whole number from 1 to ${limitMax}, not ${JSON.stringify(text)}.`);
}

/** A time for people, to the second. */
export function timeOf(time: Timestamp | undefined): string {
  return time
    ? timestampDate(time)
        .toISOString()
        .replace(/\.\d+Z$/, "Z")
    : "";
}
