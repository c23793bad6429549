import { explainEntity } from "../json/explain.ts";
import type { RunAgentInput } from "../types.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter, UnencodableError } from "./byte-writer.ts";
import { type MESSAGE, PATCH_OPERATION, RUN_AGENT_INPUT } from "./entity-shapes.ts";
import { completeInput } from "./event-decoder.ts";
import { type Draft, readChatMessage, readOperation, readShape } from "./read-fields.ts";
import { isUnion, type Shape, type Union } from "./shape.ts";
import { type Loose, writeBody } from "./write-fields.ts";

const reader = new ByteReader();

/** Encodes an object of this shape. Throws InvalidEventError with the path of what is wrong. */
export function encodeEntity(described: Shape | Union, entity: object): Uint8Array {
  const writer = new ByteWriter();
  try {
    writeBody(writer, described, entity as Loose);
  } catch (error) {
    throw error instanceof UnencodableError ? explainEntity(described, entity) : error;
  }
  return writer.take();
}

/** Decodes an object of this shape, which is a message of its own, or one of the kinds of Message or operation. */
export function decodeEntity(
  described: Shape | typeof MESSAGE | typeof PATCH_OPERATION,
  bytes: Uint8Array,
): Draft {
  reader.reset(bytes, 0, bytes.length);
  const draft = isUnion(described) ? readUnion(described, bytes.length) : readWhole(described);
  reader.release();
  return draft;
}

function readUnion(described: typeof MESSAGE | typeof PATCH_OPERATION, end: number): Draft {
  return described === PATCH_OPERATION ? readOperation(reader, end) : readChatMessage(reader, end);
}

function readWhole(described: Shape): Draft {
  const draft = readShape(reader, reader.end, described, {});
  return described === RUN_AGENT_INPUT ? completeInput(draft) : draft;
}

/**
 * Encodes a run input as an agui.v1.RunAgentInput. Throws InvalidEventError with the path of what is wrong, or
 * TooDeepError.
 */
export function encodeRunAgentInput(input: RunAgentInput): Uint8Array {
  return encodeEntity(RUN_AGENT_INPUT, input);
}

/** Decodes an agui.v1.RunAgentInput. Lists that are absent come back empty. Throws MalformedEventError. */
export function decodeRunAgentInput(bytes: Uint8Array): RunAgentInput {
  return decodeEntity(RUN_AGENT_INPUT, bytes) as unknown as RunAgentInput;
}
