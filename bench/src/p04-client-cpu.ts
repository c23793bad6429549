import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import type { ReadOrder, ReadResult } from "./clients/read.ts";
import { compare } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { mixLength } from "./workload.ts";

const STREAMS = 10;
const CYCLES = { cheap: 50, dear: 10 };

const modules = {
  server: new URL("./peers/http2-bare.ts", import.meta.url),
  ours: new URL("./clients/ours.ts", import.meta.url),
  stock: new URL("./clients/connect-stock.ts", import.meta.url),
  grpcJs: new URL("./clients/grpc-js.ts", import.meta.url),
};

/** What an event costs a client, from the socket to the application's loop. */
export const clientCpu: Benchmark = {
  id: "P4",
  title: `Client CPU per event, ${STREAMS} streams over gRPC, mix, decoding included`,
  run: (options) => withChildren(modules, (children) => measure(children, options)),
};

async function measure(
  children: Record<keyof typeof modules, Child>,
  options: BenchmarkOptions,
): Promise<Report> {
  const { http2 } = await children.server.call<{ http2: number }>("listen", { partBytes: 16_384 });
  const contestant = (name: string, who: "ours" | "stock" | "grpcJs", command = "read"): Contestant => {
    const cycles = Math.ceil(CYCLES[who === "ours" ? "cheap" : "dear"] / (options.quick ? 10 : 1));
    const order: ReadOrder = { port: http2, plan: { kind: "mix", cycles }, streams: STREAMS };
    return {
      name,
      unit: "µs/event",
      sample: () => cpuPerEvent(children[who], command, order, mixLength(cycles)),
    };
  };
  const { ours, resuming, stock, grpcJs } = await interleave(
    {
      ours: contestant("ours", "ours"),
      resuming: contestant("ours, resuming", "ours", "readResuming"),
      stock: contestant("connect-node", "stock"),
      grpcJs: contestant("grpc-js", "grpcJs"),
    },
    options,
  );
  return {
    lines: [
      compare("event iterator", ours, stock, { atMost: 0.12 }),
      compare("", ours, grpcJs, { atMost: 0.2 }),
      compare("run that resumes", resuming, stock, { atMost: 0.12 }),
      compare("", resuming, grpcJs, { atMost: 0.2 }),
    ],
  };
}

async function cpuPerEvent(
  client: Child,
  command: string,
  order: ReadOrder,
  eventsPerStream: number,
): Promise<number> {
  const before = await client.cpuUs();
  const { events, characters } = await client.call<ReadResult>(command, order);
  const after = await client.cpuUs();
  const expected = eventsPerStream * order.streams;
  if (events !== expected || characters === 0) throw new Error(`${events} events were read, not ${expected}`);
  return (after - before) / events;
}
