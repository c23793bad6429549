import type { Benchmark } from "./benchmark.ts";
import { codec } from "./p01-codec.ts";
import { snapshots } from "./p02-snapshots.ts";
import { serverCpu } from "./p03-server-cpu.ts";
import { clientCpu } from "./p04-client-cpu.ts";
import { latency } from "./p05-latency.ts";
import { idleMemory } from "./p06-idle-memory.ts";
import { fanOut } from "./p07-fan-out.ts";
import { wholePath } from "./p08-whole-path.ts";
import { growth } from "./p09-growth.ts";
import { reduction } from "./p10-reduction.ts";

/** All benchmarks, in order. */
export const benchmarks: readonly Benchmark[] = [
  codec,
  snapshots,
  serverCpu,
  clientCpu,
  latency,
  idleMemory,
  fanOut,
  wholePath,
  growth,
  reduction,
];
