import { inProcessAgent, observe } from "./observe.ts";
import type { RawEvent, ServerExpectation, Stream } from "./stream.ts";

const TERMINAL: ReadonlySet<string> = new Set(["RUN_FINISHED", "RUN_ERROR"]);

/**
 * What a verifying server delivers of a stream, for a corpus that does not say: the judge is the stock client,
 * which takes in the events one prefix after the other until it rejects one.
 */
export async function deriveServerExpectation(stream: Stream): Promise<ServerExpectation> {
  const accepted = await acceptedPart(stream);
  const { events } = await observe(accepted, inProcessAgent(accepted));
  const end = events.findIndex(({ type }) => TERMINAL.has(type));
  const before = typesOf(end < 0 ? events : events.slice(0, end));
  const terminal = end < 0 ? undefined : events[end];
  return {
    // The server's own RUN_STARTED comes first, whatever the agent begins with.
    events: before[0] === "RUN_STARTED" ? before : ["RUN_STARTED", ...before],
    terminal: terminal?.type === "RUN_FINISHED" ? "RUN_FINISHED" : "RUN_ERROR",
    ...(typeof terminal?.code === "string" && { code: terminal.code }),
  };
}

/** The longest part of a stream, from its beginning, that the stock client does not reject. */
async function acceptedPart(stream: Stream): Promise<Stream> {
  for (let length = 1; length <= stream.stream.length; length++) {
    const part = { ...stream, stream: stream.stream.slice(0, length) };
    const { outcome } = await observe(part, inProcessAgent(part));
    if (outcome === "failed") return { ...stream, stream: stream.stream.slice(0, length - 1) };
  }
  return stream;
}

function typesOf(events: readonly RawEvent[]): string[] {
  return events.map(({ type }) => type);
}
