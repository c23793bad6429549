import type { AguiEvent, JsonPatchOperation } from "@dragoman/agui";
import { EventType } from "@dragoman/contract/agui/v1/base_event_pb";

/**
 * What an application writes that has AG-UI events and serves the contract with a stock library: the event as
 * the plain object that the library's messages are made from. How it writes `google.protobuf.Value` differs.
 */
export function contractEvent(
  event: AguiEvent,
  toValue: (json: unknown) => unknown,
): { case: string; value: object } {
  const { case: name, number } = names(event.type);
  const baseEvent = { type: number };
  switch (event.type) {
    case "STATE_SNAPSHOT":
      return { case: name, value: { baseEvent, snapshot: toValue(event.snapshot) } };
    case "STATE_DELTA":
      return {
        case: name,
        value: { baseEvent, delta: event.delta.map((operation) => contractPatch(operation, toValue)) },
      };
    case "RUN_FINISHED": {
      const { threadId, runId, outcome } = event;
      return { case: name, value: { baseEvent, threadId, runId, outcome: outcome?.type ?? "" } };
    }
    default: {
      const { type: _, ...fields } = event;
      return { case: name, value: { baseEvent, ...fields } };
    }
  }
}

function contractPatch(operation: JsonPatchOperation, toValue: (json: unknown) => unknown): object {
  const { op, path } = operation;
  return {
    op: OPERATIONS.indexOf(op),
    path,
    ...("value" in operation && { value: toValue(operation.value) }),
  };
}

const OPERATIONS: readonly string[] = ["add", "remove", "replace", "move", "copy", "test"];

interface EventNames {
  readonly case: string;
  readonly number: number;
}

const known = new Map<string, EventNames>(
  Object.keys(EventType)
    .filter((key) => Number.isNaN(Number(key)))
    .map((key) => [key, { case: camelCase(key), number: EventType[key as keyof typeof EventType] }]),
);

function names(type: string): EventNames {
  const found = known.get(type);
  if (found === undefined) throw new Error(`the contract has no ${type}`);
  return found;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
