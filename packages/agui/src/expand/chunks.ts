import type { AguiEvent, EventOf, TextMessageRole } from "../types.ts";
import { ViolationError } from "../verify/rules.ts";

/** An event in AG-UI's short form. */
export type ChunkEvent = EventOf<"TEXT_MESSAGE_CHUNK" | "TOOL_CALL_CHUNK" | "REASONING_MESSAGE_CHUNK">;
/** What a chunk is a piece of. */
export type ChunkKind = "text" | "tool" | "reasoning";

interface BaseLane {
  readonly id: string;
  readonly subagentRunId: string | undefined;
}

/** A stream that chunks are building, with what its first chunk said of it. */
export type Lane =
  | (BaseLane & { readonly kind: "text"; readonly role: TextMessageRole; readonly name: string | undefined })
  | (BaseLane & {
      readonly kind: "tool";
      readonly toolCallName: string;
      readonly parentMessageId: string | undefined;
    })
  | (BaseLane & { readonly kind: "reasoning" });

export const KIND_LABELS: Readonly<Record<ChunkKind, string>> = {
  text: "message",
  tool: "tool call",
  reasoning: "reasoning message",
};

export function kindOfChunk({ type }: ChunkEvent): ChunkKind {
  if (type === "TEXT_MESSAGE_CHUNK") return "text";
  return type === "TOOL_CALL_CHUNK" ? "tool" : "reasoning";
}

export function idOf(chunk: ChunkEvent): string | undefined {
  return chunk.type === "TOOL_CALL_CHUNK" ? chunk.toolCallId : chunk.messageId;
}

/** The stream that a first chunk opens. Throws {@link ViolationError} if the chunk does not say enough. */
export function openLane(chunk: ChunkEvent, id: string | undefined): Lane {
  if (id === undefined) {
    const field = chunk.type === "TOOL_CALL_CHUNK" ? "toolCallId" : "messageId";
    throw new ViolationError("chunk_id_missing", `The first ${chunk.type} has no ${field}.`);
  }
  const base = { id, subagentRunId: chunk.subagentRunId };
  if (chunk.type === "TEXT_MESSAGE_CHUNK") {
    return { kind: "text", ...base, role: chunk.role ?? "assistant", name: chunk.name };
  }
  if (chunk.type === "REASONING_MESSAGE_CHUNK") return { kind: "reasoning", ...base };
  const { toolCallName, parentMessageId } = chunk;
  if (toolCallName === undefined) {
    throw new ViolationError(
      "chunk_name_missing",
      `The first TOOL_CALL_CHUNK of '${id}' has no toolCallName.`,
    );
  }
  return { kind: "tool", ...base, toolCallName, parentMessageId };
}

/** What a chunk says otherwise than the first one did, for people. */
export function conflictOf(lane: Lane, chunk: ChunkEvent): string | undefined {
  if (lane.kind === "text" && chunk.type === "TEXT_MESSAGE_CHUNK") {
    return differs(lane, "role", chunk.role, lane.role) ?? differs(lane, "name", chunk.name, lane.name);
  }
  if (lane.kind === "tool" && chunk.type === "TOOL_CALL_CHUNK") {
    return (
      differs(lane, "toolCallName", chunk.toolCallName, lane.toolCallName) ??
      differs(lane, "parentMessageId", chunk.parentMessageId, lane.parentMessageId)
    );
  }
  return undefined;
}

function differs(
  lane: Lane,
  field: string,
  said: string | undefined,
  established: string | undefined,
): string | undefined {
  if (said === undefined || said === established) return undefined;
  const before = established === undefined ? "none" : `'${established}'`;
  return `A chunk of ${KIND_LABELS[lane.kind]} '${lane.id}' says ${field} '${said}', its first one ${before}.`;
}

/** The START of a stream. The provider's event goes to the content, which is what was really sent. */
export function openerOf(lane: Lane, chunk: ChunkEvent): AguiEvent {
  const common = {
    ...(lane.subagentRunId !== undefined && { subagentRunId: lane.subagentRunId }),
    ...(chunk.timestamp !== undefined && { timestamp: chunk.timestamp }),
    ...(chunk.metadata !== undefined && { metadata: chunk.metadata }),
  };
  if (lane.kind === "text") {
    const name = lane.name === undefined ? {} : { name: lane.name };
    return { type: "TEXT_MESSAGE_START", messageId: lane.id, role: lane.role, ...name, ...common };
  }
  if (lane.kind === "reasoning") {
    return { type: "REASONING_MESSAGE_START", messageId: lane.id, role: "reasoning", ...common };
  }
  const { toolCallName, parentMessageId } = lane;
  const parent = parentMessageId === undefined ? {} : { parentMessageId };
  return { type: "TOOL_CALL_START", toolCallId: lane.id, toolCallName, ...parent, ...common };
}

/**
 * The content of a chunk. Without a delta, metadata or a provider's event still need a carrier; a chunk that
 * has none of them says nothing.
 */
export function contentOf(lane: Lane, chunk: ChunkEvent): AguiEvent | undefined {
  const { delta, metadata, rawEvent, timestamp } = chunk;
  if (
    delta === undefined &&
    metadata === undefined &&
    rawEvent === undefined &&
    chunk.subagentRunId !== null
  ) {
    return undefined;
  }
  const subagentRunId = chunk.subagentRunId === undefined ? lane.subagentRunId : chunk.subagentRunId;
  const common = {
    delta: delta ?? "",
    ...(subagentRunId !== undefined && { subagentRunId }),
    ...(timestamp !== undefined && { timestamp }),
    ...(metadata !== undefined && { metadata }),
    ...(rawEvent !== undefined && { rawEvent }),
  };
  if (lane.kind === "text") return { type: "TEXT_MESSAGE_CONTENT", messageId: lane.id, ...common };
  if (lane.kind === "tool") return { type: "TOOL_CALL_ARGS", toolCallId: lane.id, ...common };
  return { type: "REASONING_MESSAGE_CONTENT", messageId: lane.id, ...common };
}

/** The END of a stream. */
export function closerOf(lane: Lane): AguiEvent {
  const owner = lane.subagentRunId === undefined ? {} : { subagentRunId: lane.subagentRunId };
  if (lane.kind === "text") return { type: "TEXT_MESSAGE_END", messageId: lane.id, ...owner };
  if (lane.kind === "tool") return { type: "TOOL_CALL_END", toolCallId: lane.id, ...owner };
  return { type: "REASONING_MESSAGE_END", messageId: lane.id, ...owner };
}
