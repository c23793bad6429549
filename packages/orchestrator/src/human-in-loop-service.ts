import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type HumanInLoopService,
  type InterruptFilter,
  type WatchInterruptsResponse,
  WatchInterruptsResponseSchema,
} from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { mapErrors, toConnectError } from "./errors.ts";
import { humanInLoop } from "./human-in-loop-stream.ts";
import { openWatch, resolveInterrupt, watchItem } from "./interrupt-calls.ts";
import type { CompleteOptions } from "./options.ts";

/** Serves orchestrator.v1.HumanInLoopService on an engine. */
export function createHumanInLoopService(options: CompleteOptions): ServiceImpl<typeof HumanInLoopService> {
  return {
    humanInLoop: (requests, context) => humanInLoop(requests, context, options),
    watchInterrupts: (request, context) => watchInterrupts(request.filter, context, options),
    resolveInterrupt: (request, context) => mapErrors(() => resolveInterrupt(request, context, options)),
  };
}

async function* watchInterrupts(
  filter: InterruptFilter | undefined,
  context: HandlerContext,
  options: CompleteOptions,
): AsyncGenerator<WatchInterruptsResponse> {
  const watch = openWatch(filter, context, options);
  try {
    for (;;) {
      const item = watchItem(await watch.next());
      if (item) yield create(WatchInterruptsResponseSchema, { item });
    }
  } catch (error) {
    throw toConnectError(error);
  } finally {
    watch.close();
  }
}
