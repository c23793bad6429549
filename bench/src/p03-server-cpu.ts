import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import { compare, type Figure, type Line } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { type Load, readStreams } from "./load/read-streams.ts";
import type { LoadProtocol } from "./load/requests.ts";
import { mixLength } from "./workload.ts";

const STREAMS = 10;
/** Cycles of the mix per stream: 50,000 events where they are cheap, 10,000 where they are not. */
const CYCLES = { cheap: 50, dear: 10 };

const modules = {
  ours: new URL("./ours/agui-service.ts", import.meta.url),
  stock: new URL("./peers/connect-stock.ts", import.meta.url),
  grpcJs: new URL("./peers/grpc-js.ts", import.meta.url),
  express: new URL("./peers/express-sse.ts", import.meta.url),
  bare: new URL("./peers/http2-bare.ts", import.meta.url),
};

/** What an event costs a server, from the application's hands to the socket. */
export const serverCpu: Benchmark = {
  id: "P3",
  title: `Server CPU per event, ${STREAMS} streams to one reader each, mix, encoding included`,
  run: (options) => withChildren(modules, (children) => measure(children, options)),
};

async function measure(
  children: Record<keyof typeof modules, Child>,
  options: BenchmarkOptions,
): Promise<Report> {
  const contestant = async (
    name: string,
    who: keyof typeof modules,
    protocol: LoadProtocol,
    httpVersion: 1 | 2,
  ) => {
    const child = children[who];
    const ports = await portsOf(child);
    const isCheap = who === "ours" || who === "bare";
    const cycles = Math.ceil(CYCLES[isCheap ? "cheap" : "dear"] / (options.quick ? 10 : 1));
    const plan = { kind: "mix", cycles } as const;
    const load: Load = { protocol, httpVersion, port: ports[httpVersion], plan, streams: STREAMS };
    return {
      name,
      unit: "µs/event",
      sample: () => cpuPerEvent(child, load, mixLength(cycles)),
    } satisfies Contestant;
  };
  const figures = await interleave(
    {
      grpc: await contestant("ours, gRPC", "ours", "grpc", 2),
      grpcWeb: await contestant("ours, gRPC-Web", "ours", "grpc-web", 1),
      connect: await contestant("ours, Connect", "ours", "connect", 1),
      stockGrpc: await contestant("connect-node, gRPC", "stock", "grpc", 2),
      stockGrpcWeb: await contestant("connect-node, gRPC-Web", "stock", "grpc-web", 1),
      stockConnect: await contestant("connect-node, Connect", "stock", "connect", 1),
      grpcJs: await contestant("grpc-js", "grpcJs", "grpc", 2),
      express: await contestant("Express, @ag-ui/encoder, SSE", "express", "sse", 1),
      bare: await contestant("node:http2, one write per event", "bare", "grpc", 2),
    },
    options,
  );
  const { grpc, grpcWeb, connect, stockGrpc, stockGrpcWeb, stockConnect, ...others } = figures;
  return {
    lines: [
      ...linesOf("gRPC", grpc, stockGrpc, others),
      ...linesOf("gRPC-Web, HTTP/1.1", grpcWeb, stockGrpcWeb, others),
      ...linesOf("Connect, HTTP/1.1", connect, stockConnect, others),
    ],
  };
}

type Others = Readonly<Record<"grpcJs" | "express" | "bare", Figure>>;

function linesOf(wire: string, ours: Figure, stock: Figure, { grpcJs, express, bare }: Others): Line[] {
  return [
    compare(wire, ours, stock, { atMost: 0.04 }),
    compare("", ours, grpcJs, { atMost: 0.09 }),
    compare("", ours, express, { atMost: 0.2 }),
    compare("", ours, bare, { atMost: 1.6 }),
  ];
}

const listening = new WeakMap<Child, Promise<{ 1: number; 2: number }>>();

/** Where a server listens, by HTTP version. */
function portsOf(child: Child): Promise<{ 1: number; 2: number }> {
  const known = listening.get(child);
  if (known !== undefined) return known;
  const ports = child
    .call<{ http1?: number; http2?: number }>("listen", { partBytes: 1 })
    .then(({ http1 = 0, http2 = 0 }) => ({ 1: http1, 2: http2 }));
  listening.set(child, ports);
  return ports;
}

async function cpuPerEvent(server: Child, load: Load, eventsPerStream: number): Promise<number> {
  const before = await server.cpuUs();
  const events = await readStreams(load);
  const after = await server.cpuUs();
  const expected = eventsPerStream * load.streams;
  if (events !== expected) throw new Error(`${events} events came over ${load.protocol}, not ${expected}`);
  return (after - before) / events;
}
