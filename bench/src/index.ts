export type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
export { benchmarks } from "./benchmarks.ts";
export type { Figure, Line, Target } from "./figure.ts";
