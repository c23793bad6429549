import { create } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  LiveControl_Action as Action,
  LiveControlSchema,
  type LiveSessionRequest,
  type LiveSessionResponse,
  LiveSessionResponseSchema,
  type LiveStart,
} from "@dragoman/contract/agent/v1/live_service_pb";
import type { Engine } from "@dragoman/engine";
import { reasonError } from "@dragoman/rpc";
import { attachOptions, readValidInput } from "../agui-service.ts";
import { attachmentItems } from "../attach-stream.ts";
import { toConnectError } from "../errors.ts";
import { merge } from "../merge.ts";
import type { CompleteOptions } from "../options.ts";
import { hearInput, type LiveRunKey } from "./hear-input.ts";
import { TakenNotices } from "./taken-notices.ts";

type Requests = AsyncIterator<LiveSessionRequest>;

/** Serves one live session: a run of its own, whose agent is told what comes while it works. */
export async function* liveSession(
  given: AsyncIterable<LiveSessionRequest>,
  context: HandlerContext,
  options: CompleteOptions,
): AsyncGenerator<LiveSessionResponse> {
  const requests = given[Symbol.asyncIterator]();
  const taken = new TakenNotices();
  let close = () => {};
  try {
    const { agentId, input: message } = await readStart(requests);
    const input = readValidInput(message);
    const namespace = options.namespaceOf(context);
    const { attachment } = await options.engine.start(
      { namespace, agentId, input, disconnect: options.onDisconnect },
      attachOptions({ logId: "" }, context, options),
    );
    close = () => attachment.close();
    const run = { key: { namespace, id: input.threadId }, runId: input.runId };
    const events = attachmentItems(LiveSessionResponseSchema, context, attachment);
    let isEnded = false;
    const eventsAfterNotices = async function* () {
      for await (const item of events) {
        // What was taken before an event is told before it: with the last one the caller stops listening.
        yield* taken.pending();
        yield item;
      }
      yield* taken.pending();
      isEnded = true;
    };
    const inputs = hearAll(requests, run, taken, options);
    yield* merge([eventsAfterNotices(), taken.notices(), inputs], () => isEnded);
  } catch (error) {
    throw toConnectError(error);
  } finally {
    taken.close();
    close();
  }
}

async function readStart(requests: Requests): Promise<LiveStart> {
  const first = await requests.next();
  if (!first.done && first.value.input.case === "start") return first.value.input.value;
  throw invalidRequest("The first request of a live session has to be start: send it before any input.");
}

/** Hears one input after the other. Yields nothing: what the agent takes is told by the notices. */
async function* hearAll(
  requests: Requests,
  run: LiveRunKey,
  taken: TakenNotices,
  { engine }: CompleteOptions,
): AsyncGenerator<LiveSessionResponse> {
  let hasPaused = false;
  try {
    for (let requestNumber = 2; ; requestNumber++) {
      const { done, value } = await requests.next();
      if (done) return;
      const { input } = value;
      if (input.case === "start") {
        throw invalidRequest("A live session has one run: open another one for another run.");
      }
      if (input.case === "control") hasPaused = input.value.action === Action.PAUSE;
      await hearInput(engine, run, input, () => taken.add(requestNumber));
    }
  } finally {
    // However the caller stopped speaking: it holds nobody back that it can no longer let go.
    if (hasPaused) await letGo(engine, run);
  }
}

async function letGo(engine: Engine, run: LiveRunKey): Promise<void> {
  const value = create(LiveControlSchema, { action: Action.RESUME });
  await hearInput(engine, run, { case: "control", value }, () => {});
}

function invalidRequest(message: string) {
  return reasonError(Code.InvalidArgument, "INVALID_REQUEST", message);
}
