import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import { compare, figure, judge } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { type Load, readStreams } from "./load/read-streams.ts";
import type { WholeOptions } from "./ours/whole.ts";
import { mixLength } from "./workload.ts";

const RUNS = 32;
const whole = new URL("./ours/whole.ts", import.meta.url);
const modules = { alone: new URL("./ours/agui-service.ts", import.meta.url), durable: whole, memory: whole };

/** What an event costs from the agent to a reader, everything in between included. */
export const wholePath: Benchmark = {
  id: "P8",
  title: `Whole path: agent, verified, encoded, durable (SQLite), one reader, ${RUNS} runs at once, gRPC`,
  run: (options) => withChildren(modules, (children) => measure(children, options)),
};

async function measure(
  children: Record<keyof typeof modules, Child>,
  options: BenchmarkOptions,
): Promise<Report> {
  const cycles = options.quick ? 2 : 10;
  const contestant = async (
    name: string,
    child: Child,
    store: WholeOptions["store"],
  ): Promise<Contestant> => {
    const { http2 } = await child.call<{ http2: number }>("listen", { store });
    const load: Load = {
      protocol: "grpc",
      httpVersion: 2,
      port: http2,
      plan: { kind: "mix", cycles },
      streams: RUNS,
    };
    return { name, unit: "µs/event", sample: () => cpuPerEvent(child, load, mixLength(cycles) * RUNS) };
  };
  const { durable, memory, alone } = await interleave(
    {
      durable: await contestant("ours, whole", children.durable, "sqlite"),
      memory: await contestant("ours, whole, memory store", children.memory, "memory"),
      alone: await contestant("ours, server alone (P3)", children.alone, "memory"),
    },
    options,
  );
  const perSecond = figure(
    durable.name,
    "events/CPU-s",
    durable.samples.map((microseconds) => 1e6 / microseconds),
  );
  return {
    lines: [
      compare("durable", durable, alone, { atMost: 3 }),
      judge("", perSecond, { atLeast: 100_000 }),
      compare("in memory", memory, alone),
    ],
    notes: [
      "peer not included: CopilotKit's in-memory runner. @copilotkit/runtime brings over forty direct dependencies, telemetry among them.",
    ],
  };
}

async function cpuPerEvent(server: Child, load: Load, expected: number): Promise<number> {
  const before = await server.cpuUs();
  const events = await readStreams(load);
  const after = await server.cpuUs();
  if (events !== expected) throw new Error(`${events} events came, not ${expected}`);
  return (after - before) / events;
}
