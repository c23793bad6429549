/** An event as a corpus holds it: JSON that may break any rule. */
export type RawEvent = { readonly type: string } & { readonly [key: string]: unknown };

/** One case of a corpus: a stream as a producer would send it, and what has to come of it. */
export interface Stream {
  /** The file name without `.json`. */
  readonly name: string;
  /** The group for test output. */
  readonly area: string;
  /** What the case proves. */
  readonly description: string;
  /** The rules of `rules.ts` it passes or breaks. The official corpus has none. */
  readonly rules?: readonly string[];
  /** Whether an event of it has no binary form, so that only JSON wires can carry it. */
  readonly jsonOnly?: boolean;
  /** How the client is set up. */
  readonly client?: { readonly maxProtocolVersion?: string };
  /** What the run begins with. */
  readonly input?: { readonly messages?: readonly object[]; readonly tools?: readonly object[] };
  /** The events, in order. */
  readonly stream: readonly RawEvent[];
  /** What a client makes of the stream as it is. */
  readonly expect: Expectation;
  /** What a server that verifies delivers of it. Our own corpus always has it. */
  readonly server?: ServerExpectation;
}

/** What a client makes of a stream. Only the keys that are present are checked. */
export interface Expectation {
  /** Whether the client took the stream in, or rejected it itself. */
  readonly outcome?: "completed" | "failed";
  /** Part of the client's rejection. */
  readonly errorContains?: string;
  /** Whether RUN_ERROR was delivered; as text, part of its message. */
  readonly runError?: boolean | string;
  /** Each is part of at least one warning. */
  readonly warnings?: readonly string[];
  /** Whether there must be no warning at all. */
  readonly noWarnings?: boolean;
  /** The types that were delivered, all and in order. */
  readonly eventTypes?: readonly string[];
  /** Types that must not be delivered. */
  readonly eventTypesAbsent?: readonly string[];
  /** Values by path into the delivered events, such as `2.delta`. */
  readonly eventPaths?: Readonly<Record<string, unknown>>;
  /** Paths that must not exist. */
  readonly eventAbsentPaths?: readonly string[];
  /** How many messages the client holds in the end. */
  readonly messageCount?: number;
  /** What the messages hold at least. */
  readonly messages?: readonly unknown[];
  /** What the state holds at least. */
  readonly state?: unknown;
  /** What the request holds at least. */
  readonly request?: unknown;
  /** Paths that the request must lack. */
  readonly requestAbsentPaths?: readonly string[];
}

/** What a verifying server delivers when an agent emits the stream. */
export interface ServerExpectation {
  /**
   * The types before the terminal event, in order: chunks expanded, unknown events left out, one
   * RUN_STARTED first. The events with which the server closes what is open are not among them.
   */
  readonly events: readonly string[];
  /** The terminal event. Nothing follows it. */
  readonly terminal: "RUN_FINISHED" | "RUN_ERROR";
  /** The code of the agent's own RUN_ERROR, which the server passes on. */
  readonly code?: string;
}

/** What somebody who took part in a run saw. */
export interface Observation {
  readonly outcome: "completed" | "failed";
  /** Why the client rejected the stream; empty if it did not. */
  readonly error: string;
  /** What was handed to the application, in order. */
  readonly events: readonly RawEvent[];
  /** What the client printed as warnings. */
  readonly warnings: readonly string[];
  /** The messages it holds in the end. */
  readonly messages: readonly object[];
  /** The state it holds in the end. */
  readonly state: unknown;
  /** The input it sent; undefined if the driver cannot tell. */
  readonly request: unknown;
}
