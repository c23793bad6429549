import { writeFileSync } from "node:fs";
import { benchmarks } from "./benchmarks.ts";
import { describeMachine } from "./machine.ts";
import { readOptions, usage } from "./options.ts";
import { formatMachine, formatReport } from "./table.ts";

const options = readOptions(
  process.argv.slice(2),
  benchmarks.map(({ id }) => id),
);
if (options.help) {
  console.log(usage);
} else {
  const machine = describeMachine();
  console.log(formatMachine(machine));
  console.log(
    `medians of ${options.repetitions} interleaved repetitions${options.quick ? ", quick: not for keeping" : ""}\n`,
  );
  const results: object[] = [];
  const chosen = benchmarks.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
  for (const { id, title, run } of chosen) {
    try {
      const { lines, notes = [] } = await run(options);
      console.log(`${formatReport(id, title, lines, notes)}\n`);
      results.push({ id, title, lines, notes });
    } catch (error) {
      console.error(
        `${id}  ${title}\n  FAILED TO RUN: ${error instanceof Error ? error.stack : String(error)}\n`,
      );
      results.push({ id, title, error: String(error) });
      process.exitCode = 1;
    }
  }
  const { repetitions, quick } = options;
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, `${JSON.stringify({ machine, repetitions, quick, results }, null, 2)}\n`);
  }
}
