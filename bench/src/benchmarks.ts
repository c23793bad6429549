import type { Benchmark } from "./benchmark.ts";
import { codec } from "./p01-codec.ts";
import { snapshots } from "./p02-snapshots.ts";
import { serverCpu } from "./p03-server-cpu.ts";
import { clientCpu } from "./p04-client-cpu.ts";
import { idleMemory } from "./p06-idle-memory.ts";
import { reduction } from "./p10-reduction.ts";

/** All benchmarks, in order. */
export const benchmarks: readonly Benchmark[] = [
  codec,
  snapshots,
  serverCpu,
  clientCpu,
  idleMemory,
  reduction,
];
