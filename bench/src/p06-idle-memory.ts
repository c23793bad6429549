import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { withChildren } from "./child.ts";
import { compare } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { openIdleStreams } from "./load/idle-streams.ts";

const CONNECTIONS = 10;

/** What an open stream costs a server that has nothing to send. */
export const idleMemory: Benchmark = {
  id: "P6",
  title: `Server memory per idle stream, gRPC, on ${CONNECTIONS} connections`,
  async run(options: BenchmarkOptions): Promise<Report> {
    const count = options.quick ? 1000 : 5000;
    const contestant = (name: string, module: string): Contestant => ({
      name,
      unit: "KB",
      sample: () => kilobytesPerStream(new URL(module, import.meta.url), count),
    });
    const { ours, stock, grpcJs } = await interleave(
      {
        ours: contestant("ours", "./ours/agui-service.ts"),
        stock: contestant("connect-node", "./peers/connect-stock.ts"),
        grpcJs: contestant("grpc-js", "./peers/grpc-js.ts"),
      },
      options,
    );
    return {
      lines: [
        compare(`${count} idle streams`, ours, stock, { atMost: 0.3 }),
        compare("", ours, grpcJs, { atMost: 0.8 }),
      ],
    };
  },
};

/**
 * So many streams that what the heap had left over from the start, a few megabytes, does not count. A process of
 * its own each time: what a process once had, it keeps.
 */
function kilobytesPerStream(module: URL, count: number): Promise<number> {
  return withChildren({ server: module }, async ({ server }) => {
    const { http2 } = await server.call<{ http2: number }>("listen");
    // What is made once, by the first streams, is no cost of a stream.
    const first = await openIdleStreams(http2, 100, CONNECTIONS);
    await first.close();
    const before = await server.residentKb();
    const streams = await openIdleStreams(http2, count, CONNECTIONS);
    const after = await server.residentKb();
    await streams.close();
    return (after - before) / count;
  });
}
