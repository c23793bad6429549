import { writeFileSync } from "node:fs";
import type { Benchmark } from "./benchmark.ts";
import { benchmarks } from "./benchmarks.ts";
import { describeMachine } from "./machine.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { formatMachine, formatReport } from "./table.ts";

const known = benchmarks.map(({ id }) => id);
try {
  await main(readOptions(process.argv.slice(2), known));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}

async function main(options: Options): Promise<void> {
  if (options.help) return console.log(usage);
  const { repetitions, quick } = options;
  const machine = describeMachine();
  console.log(formatMachine(machine));
  console.log(
    `medians of ${repetitions} interleaved repetitions${quick ? ", quick: not for keeping" : ""}\n`,
  );
  const chosen = benchmarks.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
  const results: object[] = [];
  for (const benchmark of chosen) results.push(await runOne(benchmark, options));
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, `${JSON.stringify({ machine, repetitions, quick, results }, null, 2)}\n`);
  }
}

/** Runs a benchmark and prints its report. One that cannot run does not keep the others from running. */
async function runOne({ id, title, run }: Benchmark, options: Options): Promise<object> {
  try {
    const { lines, notes = [] } = await run(options);
    console.log(`${formatReport(id, title, lines, notes)}\n`);
    return { id, title, lines, notes };
  } catch (error) {
    console.error(
      `${id}  ${title}\n  FAILED TO RUN: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = 1;
    return { id, title, error: String(error) };
  }
}
