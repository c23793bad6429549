import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import type { ReadOrder, ReadResult } from "./clients/read.ts";
import { compare, figure, inform, type Line } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";

const STREAMS = 100;
const INTERVAL_MS = 20;

const at = (path: string) => new URL(path, import.meta.url);
const modules = {
  ours: at("./ours/agui-service.ts"),
  whole: at("./ours/whole.ts"),
  relay: at("./ours/whole.ts"),
  stock: at("./peers/connect-stock.ts"),
  grpcJs: at("./peers/grpc-js.ts"),
  grpcJsRelay: at("./peers/grpc-js-relay.ts"),
  ourClient: at("./clients/ours.ts"),
  stockClient: at("./clients/connect-stock.ts"),
  grpcJsClient: at("./clients/grpc-js.ts"),
};

/** How long an event takes from the agent to the application, at the pace of language models. */
export const latency: Benchmark = {
  id: "P5",
  title: `Latency at ${1000 / INTERVAL_MS} events/s on each of ${STREAMS} streams, gRPC: p50`,
  run: (options) => withChildren(modules, (children) => measure(children, options)),
};

type Children = Record<keyof typeof modules, Child>;

async function measure(children: Children, options: BenchmarkOptions): Promise<Report> {
  const count = options.quick ? 25 : 150;
  const tails = new Map<string, number[]>();
  const contestant = (name: string, client: Child, port: number): Contestant => {
    tails.set(name, []);
    const order: ReadOrder = {
      port,
      plan: { kind: "paced", count, intervalMs: INTERVAL_MS },
      streams: STREAMS,
    };
    const sample = async () => {
      const { events, p50Us, p99Us } = await client.call<ReadResult>("read", order);
      const expected = STREAMS * (count + 4);
      if (events !== expected) throw new Error(`${events} events came from ${name}, not ${expected}`);
      tails.get(name)?.push(p99Us);
      return p50Us;
    };
    return { name, unit: "µs", sample };
  };
  const ports = await listenAll(children);
  const { ourClient, stockClient, grpcJsClient } = children;
  const figures = await interleave(
    {
      ours: contestant("ours, direct", ourClient, ports.ours),
      whole: contestant("ours, whole, agent inside", ourClient, ports.whole),
      stock: contestant("connect-node, direct", stockClient, ports.stock),
      grpcJs: contestant("grpc-js, direct", grpcJsClient, ports.grpcJs),
      relay: contestant("ours, relay with log", ourClient, ports.relay),
      grpcJsRelay: contestant("grpc-js, relay", grpcJsClient, ports.grpcJsRelay),
    },
    options,
  );
  const { ours, whole, stock, grpcJs, relay, grpcJsRelay } = figures;
  // The first one is the round that does not count.
  const tail = ({ name }: { name: string }): Line =>
    inform(`p99, ${name}`, figure(name, "µs", tails.get(name)?.slice(1) ?? []));
  return {
    lines: [
      compare("direct", ours, grpcJs, { atMost: 0.6 }),
      compare("", ours, stock),
      compare("through a relay, ours with the log in the path", relay, grpcJsRelay, { atMost: 0.8 }),
      compare("agent inside, with the log in the path", whole, grpcJs),
      ...Object.values(figures).map(tail),
    ],
  };
}

async function listenAll(children: Children) {
  const listen = async (child: Child, options: object = {}) =>
    (await child.call<{ http2: number }>("listen", { store: "sqlite", ...options })).http2;
  const ours = await listen(children.ours);
  const grpcJs = await listen(children.grpcJs);
  return {
    ours,
    grpcJs,
    stock: await listen(children.stock),
    whole: await listen(children.whole),
    relay: await listen(children.relay, { upstream: ours }),
    grpcJsRelay: await listen(children.grpcJsRelay, { upstream: grpcJs }),
  };
}
