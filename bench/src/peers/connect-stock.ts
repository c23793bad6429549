import { createServer as createHttp1Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { AguiEvent } from "@dragoman/agui";
import {
  AGUIService,
  type RunAgentRequest,
  type RunAgentResponseSchema,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { openPort } from "../ports.ts";
import { Broadcast, firstEvent, mixEvents, pacedEvents, readPlan } from "../workload.ts";
import { contractEvent } from "./contract-shapes.ts";

/** Connect for Node as its documentation says: an async generator that yields messages, and its adapter. */
const broadcast = new Broadcast();

type Item = MessageInitShape<typeof RunAgentResponseSchema>;

function toItem(sequence: number, event: AguiEvent): Item {
  const { case: name, value } = contractEvent(event, (json) => fromJson(ValueSchema, json as JsonValue));
  return {
    sequence: BigInt(sequence),
    item: { case: "event", value: { event: { case: name, value } } },
  } as Item;
}

async function* runAgent(request: RunAgentRequest, context: HandlerContext): AsyncGenerator<Item> {
  const plan = readPlan(request.input?.runId ?? "");
  let sequence = 0;
  if (plan.kind === "mix") {
    for (const event of mixEvents(plan.cycles)) yield toItem(++sequence, event);
  } else if (plan.kind === "paced") {
    for await (const event of pacedEvents(plan)) yield toItem(++sequence, event);
  } else {
    yield toItem(++sequence, firstEvent);
    if (plan.kind === "idle")
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    else yield* shared(context.signal);
  }
}

/** A queue per reader, as an application with a broadcaster has it. */
async function* shared(signal: AbortSignal): AsyncGenerator<Item> {
  const queue: (Item | undefined)[] = [];
  let wake: (() => void) | undefined;
  const stop = broadcast.listen((event) => {
    queue.push(event && sharedItem(event));
    wake?.();
  });
  signal.addEventListener("abort", () => wake?.());
  try {
    while (!signal.aborted) {
      while (queue.length > 0) {
        const item = queue.shift();
        if (item === undefined) return;
        yield item;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop();
  }
}

let lastShared: { event: AguiEvent; item: Item } | undefined;
let sharedSequence = 1;

/** Made once for all readers. */
function sharedItem(event: AguiEvent): Item {
  if (lastShared?.event !== event) lastShared = { event, item: toItem(++sharedSequence, event) };
  return lastShared.item;
}

export const commands = {
  async listen(): Promise<{ http1: number; http2: number }> {
    const handler = connectNodeAdapter({
      routes: (router) => void router.service(AGUIService, { runAgent }),
    });
    return {
      http1: await openPort(createHttp1Server(handler)),
      http2: await openPort(createHttp2Server(handler)),
    };
  },
  broadcast: ({ count, intervalMs }: { count: number; intervalMs: number }) =>
    broadcast.emit(count, intervalMs),
};
