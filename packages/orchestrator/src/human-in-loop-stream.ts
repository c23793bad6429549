import { create } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  AnswerRejectedSchema,
  type HumanInLoopRequest,
  type HumanInLoopResponse,
  HumanInLoopResponseSchema,
  type ResolveInterruptRequest,
} from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { EngineError, type InterruptWatch } from "@dragoman/engine";
import { errorInfoOf } from "@dragoman/rpc";
import { toConnectError } from "./errors.ts";
import { openWatch, resolveInterrupt, watchItem } from "./interrupt-calls.ts";
import type { CompleteOptions } from "./options.ts";

type Item = HumanInLoopResponse["item"];

/** How many outcomes wait to be read before no more answers are taken. */
const outcomesMax = 16;
const idMaxBytes = 256;

/** Shows interrupts and takes answers, one after another, until its caller leaves or sends no more. */
export async function* humanInLoop(
  requests: AsyncIterable<HumanInLoopRequest>,
  context: HandlerContext,
  options: CompleteOptions,
): AsyncGenerator<HumanInLoopResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  let watch: InterruptWatch | undefined;
  try {
    const first = await iterator.next();
    if (first.done || first.value.request.case !== "watch") throw wrongRequest("the first request is watch");
    watch = openWatch(first.value.request.value.filter, context, options);
    const answers = new Answers(watch, iterator, (request) => outcomeOf(request, context, options));
    let isCaughtUp = false;
    while (!(isCaughtUp && answers.isOver)) {
      const result = await watch.next();
      for (let item = answers.take(); item; item = answers.take()) {
        yield create(HumanInLoopResponseSchema, { item });
      }
      const item = watchItem(result);
      if (item) yield create(HumanInLoopResponseSchema, { item });
      isCaughtUp ||= item?.case === "caughtUp";
    }
  } catch (error) {
    throw toConnectError(error);
  } finally {
    watch?.close();
    void iterator.return?.();
  }
}

/** Reads answers, has them taken one after another, and holds what became of them. */
class Answers {
  readonly #outcomes: Item[] = [];
  readonly #watch: InterruptWatch;
  #hasEnded = false;
  #failure: unknown;
  #onTaken: (() => void) | undefined;

  constructor(
    watch: InterruptWatch,
    requests: AsyncIterator<HumanInLoopRequest>,
    resolve: (request: ResolveInterruptRequest) => Promise<Item>,
  ) {
    this.#watch = watch;
    void this.#read(requests, resolve);
  }

  /** Whether no more answers come, and all outcomes were taken. Throws where the requests are wrong. */
  get isOver(): boolean {
    if (this.#failure !== undefined && this.#outcomes.length === 0) throw this.#failure;
    return this.#hasEnded && this.#outcomes.length === 0;
  }

  /** The outcome that waits longest. */
  take(): Item | undefined {
    const item = this.#outcomes.shift();
    this.#onTaken?.();
    return item;
  }

  async #read(
    requests: AsyncIterator<HumanInLoopRequest>,
    resolve: (request: ResolveInterruptRequest) => Promise<Item>,
  ): Promise<void> {
    try {
      for (let next = await requests.next(); !next.done; next = await requests.next()) {
        const { request } = next.value;
        if (request.case !== "resolve") throw wrongRequest("after the first, every request is resolve");
        this.#outcomes.push(await resolve(request.value));
        this.#watch.wake();
        while (this.#outcomes.length >= outcomesMax) await this.#taken();
      }
      this.#hasEnded = true;
    } catch (error) {
      this.#failure = error;
    }
    this.#watch.wake();
  }

  #taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTaken = resolve;
    });
  }
}

async function outcomeOf(
  request: ResolveInterruptRequest,
  context: HandlerContext,
  options: CompleteOptions,
): Promise<Item> {
  try {
    checkIds(request);
    return { case: "resolved", value: await resolveInterrupt(request, context, options) };
  } catch (error) {
    const { code, rawMessage: message } = ConnectError.from(toConnectError(error));
    const info = errorInfoOf(toConnectError(error));
    const { interruptId, sessionId } = request;
    const { reason = "", metadata = {} } = info ?? {};
    const value = create(AnswerRejectedSchema, { interruptId, sessionId, code, reason, message, metadata });
    return { case: "rejected", value };
  }
}

/** The rules of the contract, which are not checked before: an answer that breaks one must not end the stream. */
function checkIds(request: ResolveInterruptRequest): void {
  for (const name of ["sessionId", "interruptId", "runId"] as const) {
    const size = Buffer.byteLength(request[name]);
    if (size > idMaxBytes || (size === 0 && name !== "runId")) {
      const field = name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`);
      throw new EngineError("INVALID_REQUEST", `${field} has 1 to ${idMaxBytes} bytes, not ${size}`, {
        field,
      });
    }
  }
}

function wrongRequest(what: string): EngineError {
  return new EngineError("INVALID_REQUEST", `${what} on this stream`);
}
