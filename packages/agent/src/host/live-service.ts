import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type LiveService,
  type LiveSessionRequest,
  LiveSessionResponseSchema,
} from "@dragoman/contract/agent/v1/live_service_pb";
import { reasonError } from "@dragoman/rpc";
import { type HostServiceOptions, hostedRun } from "./agui-service.ts";
import { Listener } from "./listener.ts";
import { readInput } from "./read-request.ts";
import { runItems } from "./run-items.ts";

/** LiveService on agents alone. An agent that is not live runs as by RunAgent, and takes nothing. */
export function createLiveService(options: HostServiceOptions): ServiceImpl<typeof LiveService> {
  async function* liveSession(requests: AsyncIterable<LiveSessionRequest>, context: HandlerContext) {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done || first.value.input.case !== "start") {
      throw reasonError(
        Code.InvalidArgument,
        "INVALID_REQUEST",
        "The first request of a live session has to be start: send it before any input.",
      );
    }
    const { agentId, input } = first.value.input.value;
    options.agents.find(agentId);
    const run = {
      ...hostedRun(options, agentId, readInput(input), context),
      listen: (feed: Listener["feed"]) => new Listener(iterator, feed),
    };
    yield* options.slots.hold(() => runItems(LiveSessionResponseSchema, run, context));
  }
  return { liveSession };
}
