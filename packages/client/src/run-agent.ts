import type { Transport } from "@connectrpc/connect";
import type { EventStream } from "./event-stream.ts";
import type { CallOptions, EventTransport, StreamRequest } from "./event-transport.ts";
import { createStockEventTransport } from "./stock-event-transport.ts";

/** What events can be read through: the fast way, or any Connect transport. */
export type AnyTransport = EventTransport | Transport;

/** The event transport itself, or one that reads through a stock Connect transport. */
export function toEventTransport(transport: AnyTransport): EventTransport {
  return "open" in transport ? transport : createStockEventTransport(transport);
}

/**
 * Calls AGUIService.RunAgent once: every item as it comes, heartbeats too, without resuming. What most
 * programs want is `run` of an agent client.
 *
 * Throws, from the iterator, a ConnectError with the status of the call. Stop with `break`, or `close`.
 */
export function runAgent(
  transport: AnyTransport,
  request: StreamRequest<"runAgent">,
  options?: CallOptions,
): EventStream {
  return toEventTransport(transport).open("runAgent", request, options);
}

/** Calls RunService.ObserveRun once; see {@link runAgent}. */
export function observeRun(
  transport: AnyTransport,
  request: StreamRequest<"observeRun">,
  options?: CallOptions,
): EventStream {
  return toEventTransport(transport).open("observeRun", request, options);
}

/** Calls SessionService.ObserveSession once; see {@link runAgent}. */
export function observeSession(
  transport: AnyTransport,
  request: StreamRequest<"observeSession">,
  options?: CallOptions,
): EventStream {
  return toEventTransport(transport).open("observeSession", request, options);
}
