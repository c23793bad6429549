import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import { compare, figure, inform, type Line } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { type FanOut, measureFanOut } from "./load/fan-out.ts";

const CONNECTIONS = 20;

const modules = {
  ours: new URL("./ours/whole.ts", import.meta.url),
  stock: new URL("./peers/connect-stock.ts", import.meta.url),
  grpcJs: new URL("./peers/grpc-js.ts", import.meta.url),
};

/** What a delivery costs when very many read the same run. */
export const fanOut: Benchmark = {
  id: "P7",
  title: "Fan-out of one run at 50 events/s, gRPC: server CPU per delivery",
  run: (options) => withChildren(modules, (children) => measure(children, options)),
};

async function measure(
  children: Record<keyof typeof modules, Child>,
  options: BenchmarkOptions,
): Promise<Report> {
  const readers = options.quick ? 100 : 1000;
  const count = options.quick ? 25 : 100;
  const medianMs: Record<string, number[]> = {};
  const contestant = async (name: string, who: keyof typeof modules): Promise<Contestant> => {
    const { http2 } = await children[who].call<{ http2: number }>("listen", { store: "sqlite" });
    const load: FanOut = {
      readers,
      connections: CONNECTIONS,
      count,
      intervalMs: 20,
      observes: who === "ours",
    };
    medianMs[name] = [];
    const sample = async () => {
      const { cpuUs, p50Ms } = await measureFanOut(children[who], http2, load);
      medianMs[name]?.push(p50Ms);
      return cpuUs;
    };
    return { name, unit: "µs/delivery", sample };
  };
  const { ours, stock, grpcJs } = await interleave(
    {
      ours: await contestant("ours, whole", "ours"),
      stock: await contestant("connect-node", "stock"),
      grpcJs: await contestant("grpc-js", "grpcJs"),
    },
    options,
  );
  // The first one is the round that does not count.
  const latency = (name: string): Line =>
    inform(`latency p50, ${name}`, figure(name, "ms", medianMs[name]?.slice(1) ?? []));
  return {
    lines: [
      compare(`${readers} readers on ${CONNECTIONS} connections`, ours, stock, { atMost: 0.08 }),
      compare("", ours, grpcJs, { atMost: 0.5 }),
      ...[ours, stock, grpcJs].map(({ name }) => latency(name)),
    ],
  };
}
