import type { BenchmarkOptions } from "./benchmark.ts";
import { type Figure, figure } from "./figure.ts";

/** Something that is measured side by side with others. */
export interface Contestant {
  readonly name: string;
  readonly unit: string;
  /** Measures once. */
  sample(): Promise<number> | number;
}

/**
 * Measures every contestant once per repetition, beginning with another one each time, so that what the
 * machine does besides hits all of them alike. One round before the first is not counted.
 */
export async function interleave<Name extends string>(
  contestants: Readonly<Record<Name, Contestant>>,
  { repetitions }: BenchmarkOptions,
): Promise<Record<Name, Figure>> {
  const names = Object.keys(contestants) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (const name of names) await contestants[name].sample();
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const first = repetition % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      samples.get(name)?.push(await contestants[name].sample());
    }
  }
  const figures = names.map((name) => {
    const { name: title, unit } = contestants[name];
    return [name, figure(title, unit, samples.get(name) ?? [])] as const;
  });
  return Object.fromEntries(figures) as Record<Name, Figure>;
}
