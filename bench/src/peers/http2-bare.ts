import { createServer, type ServerHttp2Stream } from "node:http2";
import { FrameEncoder, readFrames } from "@dragoman/agui";
import { openPort } from "../ports.ts";
import { mixEvents, readPlan } from "../workload.ts";

/**
 * The lower bound: node:http2 alone, events encoded beforehand. It speaks just enough gRPC for a client.
 *
 * `write: "events"` writes each event by itself, `write: "chunks"` so many at once.
 */
async function answer(stream: ServerHttp2Stream, parts: readonly Uint8Array[]): Promise<void> {
  stream.on("error", () => {});
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  for (const part of parts) {
    if (stream.destroyed) return;
    if (!stream.write(part)) await drained(stream);
  }
  stream.end();
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}

/** The frames of a plan, one by one or so many bytes at once; made when first asked for. */
function makeParts(runId: string, partBytes: number): Uint8Array[] {
  const plan = readPlan(runId);
  if (plan.kind !== "mix") throw new Error(`no ${plan.kind} here`);
  const encoder = new FrameEncoder();
  let sequence = 0;
  for (const event of mixEvents(plan.cycles)) encoder.append(++sequence, event);
  const all = encoder.take();
  const parts: Uint8Array[] = [];
  let start = 0;
  readFrames(all, ({ end }) => {
    if (end - start < partBytes) return;
    parts.push(all.subarray(start, end));
    start = end;
  });
  if (start < all.length) parts.push(all.subarray(start));
  return parts;
}

export const commands = {
  async listen({ partBytes }: { partBytes: number }): Promise<{ http2: number }> {
    const known = new Map<string, Uint8Array[]>();
    const server = createServer();
    server.on("stream", async (stream) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      // The plan without what keeps runs apart; searched in the request's bytes, which is all this server can do.
      const [plan = ""] = /mix-\d+-\d+/.exec(Buffer.concat(chunks).toString("latin1")) ?? [];
      const parts = known.get(plan) ?? makeParts(plan, partBytes);
      known.set(plan, parts);
      await answer(stream, parts);
    });
    return { http2: await openPort(server) };
  },
};
