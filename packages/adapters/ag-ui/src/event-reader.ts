import type { AgentOutput } from "@dragoman/agent";

/** Turns the body of an answer into events, whatever the body is cut into. One per answer. */
export interface EventReader {
  /**
   * The events that this piece completes, in order. A piece is only read as far as it is asked for, so that
   * what comes before a malformed event is still delivered. Throws `UpstreamError`.
   */
  push(chunk: Uint8Array): Iterable<AgentOutput>;
  /** The event that the clean end of the body completes, if any. Throws `UpstreamError`. */
  finish(): Iterable<AgentOutput>;
}
