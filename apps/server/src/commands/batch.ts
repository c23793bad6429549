import { randomUUID } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import {
  type Batch,
  type BatchItemResult,
  BatchItemResultSchema,
  BatchSchema,
  BatchState,
  BatchItemState as ItemState,
} from "@dragoman/contract/orchestrator/v1/batch_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { followBatch } from "../client/follow-batch.ts";
import { readBatchFile } from "../client/read-batch-file.ts";
import { printTable } from "../client/table.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface BatchFlags extends ClientFlags {
  readonly json?: boolean;
}

interface RunFlags extends BatchFlags {
  readonly parallel?: string;
  readonly agent?: string;
  readonly stopOnFailure?: boolean;
  readonly id?: string;
}

/** Adds `dragoman batch`. */
export function addBatch(program: Command): void {
  const batch = program
    .command("batch")
    .summary("run many inputs together")
    .description("Runs many inputs together, as one batch that belongs to the server.")
    .addHelpText(
      "after",
      `
Each line of a file is a JSON string, {"message": "…"} or {"input": {…}}, the last two also with "agentId".

Exit codes of run: 0 success, 1 an item failed, 2 wrong usage, 3 an item waits for an answer, 4 cancelled,
5 no server.

Examples:
  dragoman batch run questions.jsonl --agent demo --parallel 8
  echo '"What is 6 * 7?"' | dragoman batch run - --json
  dragoman batch list
  dragoman batch get <id>`,
    );
  addRun(batch);
  addOthers(batch);
}

function addRun(batch: Command): void {
  const run = batch
    .command("run")
    .description("Makes a batch and prints its results as they come. Ctrl-C cancels it.")
    .argument("<file>", "JSON lines, an item each; - for standard input")
    .option("--parallel <n>", "how many items run at once; 1 is one after another", "4")
    .option("--agent <id>", "the agent of items that name none; the default one if not given")
    .option("--stop-on-failure", "end the batch at the first item that fails")
    .option("--id <id>", "the id of the batch; the same id and items again joins it instead of running twice")
    .option("--json", "one result a line");
  withClientFlags(run).action(async (path: string, flags: RunFlags) => {
    process.exitCode = await runBatch(path, flags);
  });
}

function addOthers(batch: Command): void {
  const jsonHelp = "one JSON object a line";
  const get = batch
    .command("get")
    .description("Prints the results of a batch so far.")
    .argument("<id>", "the batch");
  withClientFlags(get.option("--json", jsonHelp)).action(async (batchId: string, flags: BatchFlags) => {
    process.exitCode = await getBatch(batchId, flags);
  });
  const cancel = batch
    .command("cancel")
    .description("Ends a batch: what runs is cancelled, the rest never begins.")
    .argument("<id>", "the batch");
  withClientFlags(cancel).action(async (batchId: string, flags: BatchFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      const { batch: after } = await client.batches.cancelBatch({ batchId });
      const isEnding = after?.state === BatchState.RUNNING;
      processTerminal().out(`${batchId} ${isEnding ? "is being cancelled" : stateName(after)}\n`);
      return exitCodes.ok;
    });
  });
  const list = batch.command("list").description("Lists batches, newest first.");
  withClientFlags(list.option("--json", jsonHelp)).action(async (flags: BatchFlags) => {
    process.exitCode = await listBatches(flags);
  });
}

async function runBatch(path: string, flags: RunFlags): Promise<number> {
  const terminal = processTerminal();
  const parallelism = parallelismOf(flags.parallel);
  const items = readBatchFile(path, flags.agent ?? "");
  const batchId = flags.id ?? randomUUID();
  const options = { parallelism, stopOnFailure: flags.stopOnFailure ?? false };
  const progress = new Progress(terminal, items.length);
  return withClient(flags, async (client) => {
    const leave = () => process.exit(exitCodes.failed);
    const release = onSignals(
      ["SIGINT"],
      () => void client.batches.cancelBatch({ batchId }).catch(leave),
      leave,
    );
    try {
      const request = { batchId, items, options };
      const ended = await followBatch(client, request, {
        onBatch: () => progress.show(),
        onResult: (result) => {
          if (!isEnded(result)) return;
          progress.hide();
          printResult(terminal, result, flags);
          progress.count();
        },
      });
      progress.hide();
      if (!flags.json)
        terminal.error(terminal.dim(`batch ${batchId} ${stateName(ended)}: ${countsOf(ended)}\n`));
      return exitCodeOf(ended);
    } finally {
      progress.hide();
      release();
    }
  });
}

/** How far a batch is, as the last line of a terminal. */
class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #isShown = process.stderr.isTTY === true && !process.env.NO_COLOR;
  #ended = 0;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  count(): void {
    this.#ended++;
    this.show();
  }

  show(): void {
    if (this.#isShown && this.#ended < this.#total)
      this.#terminal.error(`\r\u001b[K${this.#ended} of ${this.#total} …`);
  }

  hide(): void {
    if (this.#isShown) this.#terminal.error("\r\u001b[K");
  }
}

async function getBatch(batchId: string, flags: BatchFlags): Promise<number> {
  const terminal = processTerminal();
  return withClient(flags, async (client) => {
    for (let pageToken = ""; ; ) {
      const page = await client.batches.getBatch({ batchId, pageToken, pageSize: 1000 });
      for (const result of page.results) printResult(terminal, result, flags);
      pageToken = page.nextPageToken;
      if (pageToken !== "" || !page.batch) continue;
      if (!flags.json)
        terminal.error(terminal.dim(`batch ${batchId} ${stateName(page.batch)}: ${countsOf(page.batch)}\n`));
      return exitCodes.ok;
    }
  });
}

async function listBatches(flags: BatchFlags): Promise<number> {
  const terminal = processTerminal();
  return withClient(flags, async (client) => {
    const { batches } = await client.batches.listBatches({});
    if (flags.json)
      for (const batch of batches) terminal.out(`${JSON.stringify(toJson(BatchSchema, batch))}\n`);
    else {
      const rows = batches.map((batch) => [
        batch.batchId,
        stateName(batch),
        String(batch.itemCount),
        countsOf(batch),
        batch.createTime
          ? timestampDate(batch.createTime)
              .toISOString()
              .replace(/\.\d+Z$/, "Z")
          : "",
      ]);
      printTable(terminal, ["BATCH", "STATE", "ITEMS", "ENDED", "CREATED"], rows);
    }
    return exitCodes.ok;
  });
}

function printResult(terminal: Terminal, result: BatchItemResult, { json }: BatchFlags): void {
  if (json) {
    // JSON of protobuf leaves a zero out, but the first item has its place too.
    const { index } = result;
    terminal.out(`${JSON.stringify({ index, ...(toJson(BatchItemResultSchema, result) as object) })}\n`);
    return;
  }
  const { index, state, content, errorMessage, errorCode } = result;
  const place = terminal.dim(`${index}:`);
  if (state === ItemState.SUCCEEDED) terminal.out(`${place} ${content}\n`);
  else {
    const code = errorCode === "" ? "" : ` (${errorCode})`;
    const why = errorMessage === "" ? "" : `: ${errorMessage}`;
    terminal.out(`${place} ${terminal.red(`${ItemState[state].toLowerCase()}${why}${code}`)}\n`);
  }
}

function isEnded({ state }: BatchItemResult): boolean {
  return state !== ItemState.PENDING && state !== ItemState.RUNNING;
}

function stateName(batch: Batch | undefined): string {
  return BatchState[batch?.state ?? 0]?.toLowerCase() ?? "";
}

function countsOf(batch: Batch): string {
  const counts = [
    [batch.succeededCount, "succeeded"],
    [batch.failedCount, "failed"],
    [batch.canceledCount, "cancelled"],
    [batch.interruptedCount, "waiting"],
  ] as const;
  return counts.flatMap(([count, name]) => (count > 0 ? [`${count} ${name}`] : [])).join(", ");
}

function exitCodeOf(batch: Batch): number {
  if (batch.state === BatchState.CANCELED) return exitCodes.cancelled;
  if (batch.state !== BatchState.COMPLETED || batch.failedCount > 0) return exitCodes.failed;
  if (batch.canceledCount > 0) return exitCodes.cancelled;
  return batch.interruptedCount > 0 ? exitCodes.interrupted : exitCodes.ok;
}

function parallelismOf(text = "4"): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 256) return value;
  throw new UsageError(`--parallel takes a whole number from 1 to 256, not ${JSON.stringify(text)}.`);
}
