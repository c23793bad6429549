import type { ClientHttp2Session } from "node:http2";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import type { Benchmark, BenchmarkOptions, Report } from "./benchmark.ts";
import { type Child, withChildren } from "./child.ts";
import { compare, type Line, median } from "./figure.ts";
import { type Contestant, interleave } from "./interleave.ts";
import { measureFanOut } from "./load/fan-out.ts";
import { openStream } from "./load/open-stream.ts";
import { openSession, readStreams } from "./load/read-streams.ts";
import { makeObserveRequest, makeRunRequest, newRunIds, type RunIds } from "./load/requests.ts";
import { CYCLE_LENGTH, mixLength } from "./workload.ts";

const whole = new URL("./ours/whole.ts", import.meta.url);

/** Whether what one event costs stays the same however much there is. */
export const growth: Benchmark = {
  id: "P9",
  title: "Cost grows with the work: whole program, SQLite, gRPC",
  async run(options: BenchmarkOptions): Promise<Report> {
    const lines = [
      await sessions(options),
      await storedEvents(options),
      await readers(options),
      ...(await attaching(options)),
    ];
    return { lines };
  },
};

/** Two servers side by side: one with little in it, one with much. */
function withTwo(work: (few: Server, many: Server) => Promise<Line[]>): Promise<Line[]> {
  return withChildren({ few: whole, many: whole }, async ({ few, many }) =>
    work(await listen(few), await listen(many)),
  );
}

interface Server {
  readonly child: Child;
  readonly port: number;
}

async function listen(child: Child): Promise<Server> {
  const { http2 } = await child.call<{ http2: number }>("listen", { store: "sqlite" });
  return { child, port: http2 };
}

async function sessions(options: BenchmarkOptions): Promise<Line> {
  const [small, large] = options.quick ? [10, 200] : [100, 10_000];
  const lines = await withTwo(async (few, many) => {
    await fillSessions(few.port, small);
    await fillSessions(many.port, large);
    const cycles = options.quick ? 1 : 5;
    const { a, b } = await interleave(
      { a: runs(`${large} sessions`, many, cycles), b: runs(`${small} sessions`, few, cycles) },
      options,
    );
    return [compare(`per event, ${large} sessions in the store`, a, b, { atMost: 1.5 })];
  });
  return lines[0] as Line;
}

/** Runs one short run in each of so many sessions, some at a time. */
async function fillSessions(port: number, count: number): Promise<void> {
  const atOnce = 50;
  for (let done = 0; done < count; done += atOnce) {
    const streams = Math.min(atOnce, count - done);
    await readStreams({ protocol: "grpc", httpVersion: 2, port, plan: { kind: "mix", cycles: 0 }, streams });
  }
}

/** 32 runs in sessions of their own. */
function runs(name: string, { child, port }: Server, cycles: number): Contestant {
  const streams = 32;
  return {
    name,
    unit: "µs/event",
    sample: async () => {
      const before = await child.cpuUs();
      await readStreams({ protocol: "grpc", httpVersion: 2, port, plan: { kind: "mix", cycles }, streams });
      return ((await child.cpuUs()) - before) / (streams * mixLength(cycles));
    },
  };
}

async function storedEvents(options: BenchmarkOptions): Promise<Line> {
  const [small, large] = options.quick ? [1, 20] : [1, 1000];
  const cycles = 5;
  const lines = await withTwo(async (few, many) => {
    const fewSession = await startSession(few, small);
    const manySession = await startSession(many, large);
    const { a, b } = await interleave(
      {
        a: runInSession(`${large * CYCLE_LENGTH} events stored`, many, manySession, cycles),
        b: runInSession(`${small * CYCLE_LENGTH} events stored`, few, fewSession, cycles),
      },
      options,
    );
    return [compare(`per event, a session of ${large * CYCLE_LENGTH} events`, a, b, { atMost: 1.5 })];
  });
  return lines[0] as Line;
}

async function startSession({ port }: Server, cycles: number): Promise<string> {
  const ids = newRunIds({ kind: "mix", cycles });
  await withSession(port, (session) => openStream(session, makeRunRequest("grpc", ids)).ended);
  return ids.threadId;
}

/** One more run in a session. */
function runInSession(name: string, { child, port }: Server, threadId: string, cycles: number): Contestant {
  return {
    name,
    unit: "µs/event",
    sample: () =>
      withSession(port, async (session) => {
        const { runId } = newRunIds({ kind: "mix", cycles });
        const before = await child.cpuUs();
        const events = await openStream(session, makeRunRequest("grpc", { threadId, runId })).ended;
        return ((await child.cpuUs()) - before) / events;
      }),
  };
}

async function readers(options: BenchmarkOptions): Promise<Line> {
  const many = options.quick ? 50 : 1000;
  const lines = await withTwo(async (one, all) => {
    const contestant = (name: string, { child, port }: Server, count: number): Contestant => ({
      name,
      unit: "µs/delivery",
      sample: async () => {
        const load = {
          readers: count,
          connections: Math.min(count, 20),
          count: 50,
          intervalMs: 20,
          observes: true,
        };
        return (await measureFanOut(child, port, load)).cpuUs;
      },
    });
    const { a, b } = await interleave(
      { a: contestant(`${many} readers`, all, many), b: contestant("1 reader", one, 1) },
      options,
    );
    return [compare(`per delivery, ${many} readers of a run`, a, b, { atMost: 1.5 })];
  });
  return lines[0] as Line;
}

/** From the request to the first bytes of the answer, attaching to an ended run. */
async function attaching(options: BenchmarkOptions): Promise<Line[]> {
  return withChildren({ server: whole }, async ({ server }) => {
    const { port } = await listen(server);
    const short: RunIds = newRunIds({ kind: "paced", count: 46, intervalMs: 0 });
    const long: RunIds = newRunIds({
      kind: "mix",
      cycles: Math.ceil((options.quick ? 5_000 : 50_000) / CYCLE_LENGTH),
    });
    return withSession(port, async (session) => {
      for (const ids of [short, long]) await openStream(session, makeRunRequest("grpc", ids)).ended;
      const contestant = (name: string, ids: RunIds, mode: AttachMode): Contestant => ({
        name,
        unit: "µs",
        sample: () => timeToFirstByte(session, ids, mode),
      });
      const figures = await interleave(
        {
          longBeginning: contestant("50,000 events", long, AttachMode.BEGINNING),
          shortBeginning: contestant("50 events", short, AttachMode.BEGINNING),
          longSnapshot: contestant("50,000 events", long, AttachMode.SNAPSHOT),
          shortSnapshot: contestant("50 events", short, AttachMode.SNAPSHOT),
        },
        options,
      );
      return [
        compare("attach from the beginning, to first byte", figures.longBeginning, figures.shortBeginning, {
          atMost: 2,
        }),
        compare("attach by snapshot, to first byte", figures.longSnapshot, figures.shortSnapshot, {
          atMost: 2,
        }),
      ];
    });
  });
}

async function timeToFirstByte(session: ClientHttp2Session, ids: RunIds, mode: AttachMode): Promise<number> {
  const times: number[] = [];
  for (let attempt = 0; attempt < 30; attempt++) {
    const start = performance.now();
    const stream = openStream(session, makeObserveRequest(ids, mode));
    await stream.begun;
    times.push((performance.now() - start) * 1000);
    stream.cut();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return median(times);
}

async function withSession<Result>(
  port: number,
  work: (session: ClientHttp2Session) => Promise<Result>,
): Promise<Result> {
  const session = await openSession(port);
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}
