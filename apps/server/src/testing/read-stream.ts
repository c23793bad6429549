import type { Event } from "@dragoman/contract/agui/v1/event_pb";

/** An item of any of the three streams of events; they have one layout. */
export interface StreamItem {
  readonly sequence?: bigint | undefined;
  readonly logId: string;
  readonly item:
    | { readonly case: "event"; readonly value: Event }
    | { readonly case: "heartbeat"; readonly value: { readonly headSequence: bigint } }
    | { readonly case: "caughtUp"; readonly value: { readonly sequence: bigint } }
    | { readonly case: undefined; readonly value?: undefined };
}

/** What a stream brought, in order. */
export interface ReadStream {
  readonly items: readonly StreamItem[];
  /** The kinds of the events, such as `runStarted`. */
  readonly kinds: readonly string[];
  /** The sequences of the events that have one. */
  readonly sequences: readonly number[];
  readonly logId: string;
}

/**
 * Reads a stream to its end, or until `enough` says so: then the loop is left.
 *
 * A client of Connect's own does not end its call by that; `leave` is for what does.
 */
export async function readStream(
  stream: AsyncIterable<StreamItem>,
  enough: (item: StreamItem) => boolean = () => false,
  leave?: AbortController,
): Promise<ReadStream> {
  const items: StreamItem[] = [];
  for await (const item of stream) {
    items.push(item);
    if (enough(item)) break;
  }
  leave?.abort();
  const events = items.filter(({ item }) => item.case === "event");
  return {
    items,
    kinds: events.map(({ item }) => (item.case === "event" ? (item.value.event.case ?? "") : "")),
    sequences: events.flatMap(({ sequence }) => (sequence === undefined ? [] : [Number(sequence)])),
    logId: items[0]?.logId ?? "",
  };
}

/** 1, 2, 3 … up to a number. */
export const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => index + first);
