import type { ClientHttp2Session } from "node:http2";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import type { Child } from "../child.ts";
import { quantile } from "../figure.ts";
import { ageUs } from "../workload.ts";
import { type OpenStream, openStream } from "./open-stream.ts";
import { openSession } from "./read-streams.ts";
import { makeObserveRequest, makeRequest, makeRunRequest, newRunIds } from "./requests.ts";

/** A run that many read. */
export interface FanOut {
  readonly readers: number;
  readonly connections: number;
  /** How many deltas the run has, and how far apart they are. */
  readonly count: number;
  readonly intervalMs: number;
  /** Whether the server has runs that can be observed; else each reader asks for what is broadcast. */
  readonly observes: boolean;
}

/** What came of it. */
export interface FanOutResult {
  /** Server CPU per delivery, in microseconds. */
  readonly cpuUs: number;
  /** Half of the deliveries took less than this, in milliseconds. */
  readonly p50Ms: number;
}

/** Only every so many readers look at the clock: the reader shares the machine with what it measures. */
const CLOCK_EVERY = 20;

/** Opens the readers, lets the server broadcast, and waits until everybody has everything. */
export async function measureFanOut(server: Child, port: number, fanOut: FanOut): Promise<FanOutResult> {
  const sessions = await Promise.all(Array.from({ length: fanOut.connections }, () => openSession(port)));
  const agesMs: number[] = [];
  try {
    const { streams, runner } = await openReaders(sessions, fanOut, (chunk) => readAges(chunk, agesMs));
    const before = await server.cpuUs();
    await server.call("broadcast", { count: fanOut.count, intervalMs: fanOut.intervalMs });
    const counts = await Promise.all(streams.map((stream) => stream.ended));
    const after = await server.cpuUs();
    await runner?.ended;
    const missing = counts.find((count) => count < fanOut.count);
    if (missing !== undefined) throw new Error(`a reader got ${missing} events of ${fanOut.count}`);
    return { cpuUs: (after - before) / (fanOut.readers * fanOut.count), p50Ms: quantile(agesMs, 0.5) };
  } finally {
    for (const session of sessions) session.destroy();
  }
}

async function openReaders(
  sessions: readonly ClientHttp2Session[],
  { readers, observes }: FanOut,
  onChunk: (chunk: Buffer) => void,
): Promise<{ streams: OpenStream[]; runner?: OpenStream }> {
  const ids = newRunIds({ kind: "shared" });
  const [first] = sessions;
  if (first === undefined) throw new Error("there is no connection");
  const runner = observes ? openStream(first, makeRunRequest("grpc", ids)) : undefined;
  await runner?.begun;
  const streams = Array.from({ length: readers }, (_, index) => {
    const request = observes
      ? makeObserveRequest(ids, AttachMode.BEGINNING)
      : makeRequest("grpc", { kind: "shared" });
    const session = sessions[index % sessions.length] ?? first;
    return openStream(session, request, index % CLOCK_EVERY === 0 ? onChunk : undefined);
  });
  await Promise.all(streams.map((stream) => stream.begun));
  return runner === undefined ? { streams } : { streams, runner };
}

/** Finds the stamps in what came: they are the only digits in a row that are so many. */
function readAges(chunk: Buffer, agesMs: number[]): void {
  for (const [stamp] of chunk.toString("latin1").matchAll(/\d{12,20}/g)) agesMs.push(ageUs(stamp) / 1000);
}
