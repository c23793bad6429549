import { parseArgs } from "node:util";
import type { BenchmarkOptions } from "./benchmark.ts";

/** What the command line asks for. */
export interface Options extends BenchmarkOptions {
  /** The benchmarks to run; all if empty. */
  readonly only: readonly string[];
  /** Where to write the figures as JSON. */
  readonly jsonFile?: string;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]

  --only P3[,P4]      run only these
  --repetitions N     measure each contestant N times (default 7; 3 with --quick)
  --quick             a tenth of the work: shows that everything runs, the figures are not for keeping
  --json FILE         write the figures as JSON
  --help              show this

Exits with 0 if everything ran, whether or not targets are met, and with 1 if something failed to run.`;

/** Reads the command line. Throws on an option or a value that it does not know. */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      repetitions: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const only = values.only.flatMap((list) => list.split(",")).map((id) => id.trim().toUpperCase());
  const unknown = only.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are only ${known.join(", ")}`);
  const repetitions = Number(values.repetitions ?? (values.quick ? 3 : 7));
  if (!Number.isInteger(repetitions) || repetitions < 1)
    throw new Error("--repetitions must be a whole number from 1");
  const jsonFile = values.json === undefined ? {} : { jsonFile: values.json };
  return { only, repetitions, quick: values.quick, help: values.help, ...jsonFile };
}
