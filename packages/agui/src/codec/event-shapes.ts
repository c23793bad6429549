import type { EventTypeName } from "../types.ts";
import {
  content,
  MESSAGE,
  PATCH_OPERATION,
  RUN_AGENT_INPUT,
  RUN_OUTCOME,
  SUBAGENT_OUTCOME,
  TOKEN_USAGE,
} from "./entity-shapes.ts";
import {
  boolean,
  type Field,
  messages,
  namesOf,
  object,
  oneOf,
  optional,
  required,
  type Shape,
  shape,
  type Union,
  value,
} from "./shape.ts";

/** The shape of an event. */
export interface EventShape extends Shape {
  type: EventTypeName;
  /** Its number in the enum EventType, which BaseEvent.type repeats. */
  typeNumber: number;
  /** Whether its own fields are all strings, so that it is small most of the time. */
  flat: boolean;
}

/** The fields of BaseEvent, which lie in the event itself in JSON. */
export const BASE_FIELDS: readonly Field[] = [
  { kind: "integer", name: "timestamp", number: 2, required: false, minimum: Number.MIN_SAFE_INTEGER },
  value(3, "rawEvent"),
  object(4, "metadata"),
];

const owner = (number: number): Field => optional(number, "subagentRunId");
const outcome = (number: number, described: Union): Field => ({
  kind: "outcome",
  name: "outcome",
  number,
  required: false,
  union: described,
});
const TEXT_ROLES = ["developer", "system", "assistant", "user"];

/** In the order of the enum EventType: type, number in the oneof of Event, fields. */
const EVENTS: readonly [EventTypeName, number, readonly Field[]][] = [
  [
    "TEXT_MESSAGE_START",
    1,
    [required(2, "messageId"), oneOf(3, "role", TEXT_ROLES, false), optional(4, "name"), owner(5)],
  ],
  ["TEXT_MESSAGE_CONTENT", 2, [required(2, "messageId"), required(3, "delta"), owner(4)]],
  ["TEXT_MESSAGE_END", 3, [required(2, "messageId"), owner(3)]],
  [
    "TOOL_CALL_START",
    4,
    [required(2, "toolCallId"), required(3, "toolCallName"), optional(4, "parentMessageId"), owner(5)],
  ],
  ["TOOL_CALL_ARGS", 5, [required(2, "toolCallId"), required(3, "delta"), owner(4)]],
  ["TOOL_CALL_END", 6, [required(2, "toolCallId"), owner(3)]],
  ["STATE_SNAPSHOT", 7, [value(2, "snapshot", true), owner(3)]],
  ["STATE_DELTA", 8, [messages(2, "delta", PATCH_OPERATION, true), owner(3)]],
  ["MESSAGES_SNAPSHOT", 9, [messages(2, "messages", MESSAGE, true)]],
  ["RAW", 10, [value(2, "event", true), optional(3, "source"), owner(4)]],
  ["CUSTOM", 11, [required(2, "name"), value(3, "value", true), owner(4)]],
  [
    "RUN_STARTED",
    12,
    [
      required(2, "threadId"),
      required(3, "runId"),
      optional(4, "parentRunId"),
      { kind: "message", name: "input", number: 5, required: false, shape: RUN_AGENT_INPUT },
      optional(6, "protocolVersion"),
    ],
  ],
  [
    "RUN_FINISHED",
    13,
    [
      required(2, "threadId"),
      required(3, "runId"),
      value(4, "result"),
      outcome(5, RUN_OUTCOME),
      messages(7, "usage", TOKEN_USAGE),
    ],
  ],
  ["RUN_ERROR", 14, [optional(2, "code"), required(3, "message"), messages(4, "usage", TOKEN_USAGE)]],
  ["STEP_STARTED", 15, [required(2, "stepName"), owner(3)]],
  ["STEP_FINISHED", 16, [required(2, "stepName"), owner(3)]],
  [
    "SUBAGENT_STARTED",
    19,
    [
      required(2, "subagentRunId"),
      required(3, "name"),
      optional(4, "description"),
      optional(5, "parentSubagentRunId"),
      optional(6, "parentToolCallId"),
      optional(7, "parentMessageId"),
    ],
  ],
  ["SUBAGENT_FINISHED", 20, [required(2, "subagentRunId"), value(3, "result"), outcome(4, SUBAGENT_OUTCOME)]],
  ["SUBAGENT_ERROR", 21, [required(2, "subagentRunId"), required(3, "message"), optional(4, "code")]],
  [
    "TEXT_MESSAGE_CHUNK",
    17,
    [
      optional(2, "messageId"),
      oneOf(3, "role", TEXT_ROLES, false),
      optional(4, "delta"),
      optional(5, "name"),
      owner(6),
    ],
  ],
  [
    "TOOL_CALL_CHUNK",
    18,
    [
      optional(2, "toolCallId"),
      optional(3, "toolCallName"),
      optional(4, "parentMessageId"),
      optional(5, "delta"),
      owner(6),
    ],
  ],
  [
    "TOOL_CALL_RESULT",
    22,
    [
      owner(2),
      required(3, "messageId"),
      required(4, "toolCallId"),
      content(5, 7),
      oneOf(6, "role", ["tool"], false),
    ],
  ],
  [
    "ACTIVITY_SNAPSHOT",
    23,
    [
      owner(2),
      required(3, "messageId"),
      required(4, "activityType"),
      object(5, "content", true),
      boolean(6, "replace"),
    ],
  ],
  [
    "ACTIVITY_DELTA",
    24,
    [
      owner(2),
      required(3, "messageId"),
      required(4, "activityType"),
      messages(5, "patch", PATCH_OPERATION, true),
    ],
  ],
  ["REASONING_START", 25, [owner(2), required(3, "messageId")]],
  ["REASONING_MESSAGE_START", 26, [owner(2), required(3, "messageId"), oneOf(4, "role", ["reasoning"])]],
  ["REASONING_MESSAGE_CONTENT", 27, [owner(2), required(3, "messageId"), required(4, "delta")]],
  ["REASONING_MESSAGE_END", 28, [owner(2), required(3, "messageId")]],
  ["REASONING_MESSAGE_CHUNK", 29, [owner(2), optional(3, "messageId"), optional(4, "delta")]],
  ["REASONING_END", 30, [owner(2), required(3, "messageId")]],
  [
    "REASONING_ENCRYPTED_VALUE",
    31,
    [
      owner(2),
      oneOf(3, "subtype", ["tool-call", "message"]),
      required(4, "entityId"),
      required(5, "encryptedValue"),
    ],
  ],
];

/** All events by type. */
export const EVENT_SHAPES: ReadonlyMap<string, EventShape> = new Map(
  EVENTS.map(([type, arm, own], typeNumber) => {
    const fields = [...BASE_FIELDS, ...own];
    const flat = own.every((field) => field.kind === "string");
    return [
      type,
      { ...shape(type, own, arm), fields, names: namesOf(fields, "type"), type, typeNumber, flat },
    ];
  }),
);

/** All events by their number in the oneof of Event. */
export const EVENT_SHAPES_BY_ARM: readonly (EventShape | undefined)[] = [...EVENT_SHAPES.values()].reduce(
  (byArm: (EventShape | undefined)[], described) => {
    byArm[described.arm] = described;
    return byArm;
  },
  [],
);
