import { once } from "node:events";
import type { AguiEvent } from "@dragoman/agui";
import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import { Broadcast, firstEvent, mixEvents, pacedEvents, readPlan } from "../workload.ts";
import { loadAguiService, toGrpcJsItem } from "./grpc-js-contract.ts";

/** grpc-js as its documentation says: a handler that writes messages and waits for `drain`. */
const broadcast = new Broadcast();

type Call = ServerWritableStream<{ input: { runId: string } }, object>;

async function runAgent(call: Call): Promise<void> {
  const plan = readPlan(call.request.input.runId);
  let sequence = 0;
  const write = (event: AguiEvent) => call.write(toGrpcJsItem(++sequence, event));
  if (plan.kind === "mix") {
    for (const event of mixEvents(plan.cycles)) {
      if (!write(event)) await once(call, "drain");
    }
    call.end();
  } else if (plan.kind === "paced") {
    for await (const event of pacedEvents(plan)) write(event);
    call.end();
  } else {
    write(firstEvent);
    if (plan.kind === "shared") return share(call);
    // Whoever keeps a stream open has to learn when its client is gone.
    await once(call, "cancelled");
  }
}

let lastShared: { event: AguiEvent; item: object } | undefined;
let sharedSequence = 1;

function share(call: Call): void {
  const stop = broadcast.listen((event) => {
    if (event === undefined) return call.end();
    if (lastShared?.event !== event) lastShared = { event, item: toGrpcJsItem(++sharedSequence, event) };
    call.write(lastShared.item);
  });
  call.on("cancelled", stop);
}

export const commands = {
  async listen(): Promise<{ http2: number }> {
    const server = new Server();
    server.addService(loadAguiService().service, { runAgent: (call: Call) => void runAgent(call) });
    const http2 = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return { http2 };
  },
  broadcast: ({ count, intervalMs }: { count: number; intervalMs: number }) =>
    broadcast.emit(count, intervalMs),
};
