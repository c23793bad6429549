import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { jsonPrinter, readablePrinter } from "../client/print-events.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface ObserveFlags extends ClientFlags {
  readonly after?: string;
  readonly snapshot?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** Adds `dragoman observe`. */
export function addObserve(program: Command): void {
  const command = program
    .command("observe")
    .summary("read the events of a session, past and live")
    .description("Streams the events of a session from the first, or from where you were, until it is idle.")
    .argument("<session>", "the session")
    .option("--after <n>", "only events after this sequence")
    .option("--snapshot", "begin with a snapshot instead of the first event")
    .option("--follow", "stay while the session is idle")
    .option("--json", "one AG-UI JSON event a line");
  withClientFlags(command)
    .addHelpText(
      "after",
      `
Exit code: that of the last run, as \`dragoman run\` has it.

Examples:
  dragoman observe s1
  dragoman observe s1 --after 120 --follow --json`,
    )
    .action(async (sessionId: string, flags: ObserveFlags) => {
      process.exitCode = await observe(sessionId, flags);
    });
}

function observe(sessionId: string, flags: ObserveFlags): Promise<number> {
  const terminal = processTerminal();
  const printer = flags.json ? jsonPrinter(terminal) : readablePrinter(terminal);
  const afterSequence = flags.after === undefined ? undefined : sequenceOf(flags.after);
  const stop = new AbortController();
  onSignals(
    ["SIGINT"],
    () => stop.abort(),
    () => process.exit(exitCodes.failed),
  );
  return withClient(flags, async (client) => {
    const stream = client.observeSession(
      { sessionId },
      {
        signal: stop.signal,
        follow: flags.follow ?? false,
        ...(afterSequence !== undefined && { afterSequence }),
        ...(flags.snapshot && { mode: "snapshot" as const }),
      },
    );
    try {
      for await (const { event } of stream) printer.print(event);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      return exitCodes.ok;
    } finally {
      printer.end();
    }
    return printer.exitCode;
  });
}

function sequenceOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(
    `--after takes the sequence of an event, a whole number from 0, not ${JSON.stringify(text)}.`,
  );
}
