/** An event, or part of one, has no place in AG-UI: a field is missing, of the wrong type or out of its range. */
export class InvalidEventError extends Error {
  override readonly name: string = "InvalidEventError";
  /** Where, as a JSON Pointer (RFC 6901) into the event. Empty for the event itself. */
  readonly path: string;

  /** @param problem What is wrong there, to be read after the path, such as "must be a string". */
  constructor(path: string, problem: string) {
    super(`${path === "" ? "The event" : path} ${problem}`);
    this.path = path;
  }
}

/** A value of an event is nested deeper than other protobuf runtimes can read. See `MAX_VALUE_DEPTH`. */
export class TooDeepError extends InvalidEventError {
  override readonly name = "TooDeepError";
}

/** The type of an event is not one of AG-UI 1.0; a reader skips such an event and says so. */
export class UnknownEventTypeError extends Error {
  override readonly name = "UnknownEventTypeError";
  /** The type as the sender wrote it. Undefined if it came in binary, which has only a number. */
  readonly eventType: string | undefined;

  constructor(eventType?: string) {
    super(eventType === undefined ? "Unknown event type" : `Unknown event type ${JSON.stringify(eventType)}`);
    this.eventType = eventType;
  }
}

/** Bytes that hold no event: cut off, not protobuf, or contradicting themselves. */
export class MalformedEventError extends Error {
  override readonly name = "MalformedEventError";

  constructor(problem: string) {
    super(`Malformed event: ${problem}`);
  }
}
