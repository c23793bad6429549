import type { AguiEvent } from "../types.ts";
import { ByteReader, LENGTH } from "./byte-reader.ts";
import { DeltaReader } from "./delta-reader.ts";
import { MalformedEventError, UnknownEventTypeError } from "./errors.ts";
import { BASE_FIELDS, EVENT_SHAPES_BY_ARM, type EventShape } from "./event-shapes.ts";
import { addDefaults, bitOf, type Draft, readField, readFields } from "./read-fields.ts";
import { byNumber, wireFields } from "./wire-fields.ts";

const BASE_TABLE = byNumber(
  wireFields([{ kind: "integer", name: "type", number: 1, required: true, minimum: 0 }, ...BASE_FIELDS]),
);
/** The field of every event that holds its BaseEvent. */
const BASE_EVENT = 1 * 8 + LENGTH;

/** Decodes events, one after the other. It remembers strings that repeat, so keep one for each stream. */
export class EventDecoder {
  readonly #reader = new ByteReader();
  readonly #deltas = new DeltaReader(this.#reader.ids);

  /** Decodes an agui.v1.Event. See `decodeEvent`. */
  decode(bytes: Uint8Array, start = 0, end = bytes.length): AguiEvent {
    return this.#deltas.read(bytes, start, end) ?? this.#decode(bytes, start, end);
  }

  #decode(bytes: Uint8Array, start: number, end: number): AguiEvent {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    const event = readEvent(reader, end);
    reader.release();
    return event;
  }
}

function readEvent(reader: ByteReader, end: number): AguiEvent {
  let described: EventShape | undefined;
  let draft: Draft | undefined;
  let unknown = false;
  while (reader.position < end) {
    const tag = reader.tag();
    const found = EVENT_SHAPES_BY_ARM[tag >>> 3];
    described ??= found;
    if (found !== undefined && described !== found) throw new MalformedEventError("two events in one");
    if (found !== undefined && (tag & 7) === LENGTH) {
      draft ??= { type: undefined };
      readBody(reader, reader.lengthEnd(), found, draft);
    } else {
      unknown ||= (tag & 7) === LENGTH;
      reader.skip(tag);
    }
  }
  if (described === undefined || draft === undefined) {
    throw unknown ? new UnknownEventTypeError() : new MalformedEventError("no event");
  }
  return finish(described, draft);
}

/** Reads the fields of one event. Its base event lies flat in the draft, with the type as a number. */
function readBody(reader: ByteReader, end: number, described: EventShape, draft: Draft): void {
  const outer = reader.end;
  let seen = 0;
  reader.end = end;
  while (reader.position < end) {
    const tag = reader.tag();
    if (tag === BASE_EVENT) {
      draft.type ??= 0;
      readFields(reader, reader.lengthEnd(), BASE_TABLE, draft);
    } else {
      seen |= bitOf(tag);
      readField(reader, described.wireByNumber[tag >>> 3], tag, draft);
    }
  }
  reader.end = outer;
  if ((described.implied & ~seen) !== 0) addDefaults(described, draft);
}

function finish(described: EventShape, draft: Draft): AguiEvent {
  if (draft.type === undefined) throw new MalformedEventError("no base event");
  if (draft.type !== described.typeNumber) {
    throw new MalformedEventError(`${described.type} whose base event says type ${draft.type}`);
  }
  draft.type = described.type;
  switch (described.type) {
    case "TOOL_CALL_RESULT":
      draft.content ??= [];
      break;
    case "RUN_FINISHED":
    case "SUBAGENT_FINISHED":
      finishOutcome(draft);
      break;
    case "RUN_STARTED":
      finishInput(draft.input);
  }
  return draft as unknown as AguiEvent;
}

/** The wire has an empty string for an absent outcome. */
function finishOutcome(draft: Draft): void {
  const outcome = draft.outcome as Draft | undefined;
  if (outcome === undefined) return;
  if (outcome.type === "") delete draft.outcome;
  else if (outcome.type === "interrupt") outcome.interrupts ??= [];
}

/** The wire cannot tell an absent list from an empty one; in an input they mean the same. */
function finishInput(input: unknown): void {
  if (input !== undefined) completeInput(input as Draft);
}

/** Gives an input that was read the lists that an empty one does not have on the wire. */
export function completeInput(input: Draft): Draft {
  input.tools ??= [];
  input.context ??= [];
  input.resume ??= [];
  return input;
}
