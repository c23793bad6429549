import { type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { eventFromMessage } from "@dragoman/agui";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import { EventQueue, queueLimits } from "./event-stream.ts";
import {
  type CallOptions,
  type EventTransport,
  type StreamMethodName,
  streamMethods,
} from "./event-transport.ts";
import { resolveHeaders } from "./headers.ts";
import { heartbeatItem, type StreamItem } from "./stream-item.ts";

type Response = MessageShape<(typeof streamMethods)[StreamMethodName]["output"]>;

/** How many items may wait to be taken. Few, because how large they are is not known here. */
const maxBufferedItems = 64;

/**
 * Reads events through a stock Connect transport: for transports and interceptors that exist already. The
 * same items, at the cost of a message object and several promises per event.
 */
export function createStockEventTransport(transport: Transport): EventTransport {
  return {
    open(method, request, options = {}) {
      const queue = new EventQueue(queueLimits({ maxBufferedItems }));
      const abort = new AbortController();
      const signal =
        options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
      let resume: (() => void) | undefined;
      let paused: Promise<void> | undefined;
      queue.attach({
        pause() {
          paused = new Promise((resolve) => {
            resume = resolve;
          });
        },
        resume() {
          paused = undefined;
          resume?.();
        },
        close() {
          abort.abort();
          resume?.();
        },
      });
      void (async () => {
        try {
          const call = () => callMethod(transport, method, request, { ...options, signal });
          for await (const response of await call()) {
            if (response.logId !== "") queue.logId = response.logId;
            queue.push(itemOf(response, options.keepBytes ?? false));
            queue.delivered(0);
            await paused;
          }
          queue.end();
        } catch (error) {
          const failure = ConnectError.from(error);
          queue.end(signal.aborted ? failure : asCut(failure));
        }
      })();
      return queue;
    },
  };
}

async function callMethod(
  transport: Transport,
  method: StreamMethodName,
  request: MessageShape<(typeof streamMethods)[StreamMethodName]["input"]>,
  options: CallOptions,
): Promise<AsyncIterable<Response>> {
  const header = await resolveHeaders(options.headers);
  async function* once() {
    yield request;
  }
  const described = streamMethods[method] as (typeof streamMethods)["runAgent"];
  const { message } = await transport.stream(
    described,
    options.signal,
    options.timeoutMs,
    header,
    once() as AsyncIterable<MessageShape<typeof described.input>>,
  );
  return message;
}

function itemOf(response: Response, keepBytes: boolean): StreamItem {
  const { item } = response;
  const sequence = response.sequence === undefined ? undefined : Number(response.sequence);
  switch (item.case) {
    case "event":
      if (item.value.event.case === undefined) return { kind: "unknown", sequence };
      return {
        kind: "event",
        sequence,
        event: eventFromMessage(item.value),
        bytes: keepBytes ? toBinary(EventSchema, item.value) : undefined,
      };
    case "heartbeat":
      return heartbeatItem(item.value);
    case "caughtUp":
      return { kind: "caughtUp", sequence: Number(item.value.sequence) };
    default:
      return { kind: "unknown", sequence };
  }
}

/**
 * Stock transports report a broken connection in several ways; it is one thing, and worth another attempt. Not
 * for calls that were aborted from here.
 */
function asCut(error: ConnectError): ConnectError {
  const isBroken =
    error.cause instanceof Error ||
    error.code === Code.Canceled ||
    (error.code === Code.Internal && error.rawMessage.startsWith("protocol error: missing")) ||
    (error.code === Code.InvalidArgument && error.rawMessage.startsWith("missing EndStreamResponse"));
  if (!isBroken || error.code === Code.DeadlineExceeded) return error;
  return new ConnectError(error.rawMessage, Code.Unavailable, error.metadata, undefined, error.cause);
}
