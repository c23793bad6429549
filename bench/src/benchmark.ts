import type { Line } from "./figure.ts";

/** How much is measured. */
export interface BenchmarkOptions {
  /** How often each contestant is measured, in turn with the others. At least 1. */
  readonly repetitions: number;
  /** Whether a tenth of the work is enough: to see that everything runs, not for figures to keep. */
  readonly quick: boolean;
}

/** One of P1 to P10. */
export interface Benchmark {
  readonly id: string;
  readonly title: string;
  run(options: BenchmarkOptions): Promise<Report>;
}

/** What a benchmark found. */
export interface Report {
  readonly lines: readonly Line[];
  /** What the reader should know, such as a peer that is not included. */
  readonly notes?: readonly string[];
}
