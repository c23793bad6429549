import type { AguiEvent } from "../types.ts";
import { nameOf } from "../verify/owners.ts";
import { ViolationError } from "../verify/rules.ts";
import {
  type ChunkEvent,
  type ChunkKind,
  closerOf,
  conflictOf,
  contentOf,
  idOf,
  KIND_LABELS,
  kindOfChunk,
  type Lane,
  openerOf,
  openLane,
} from "./chunks.ts";

/** Receives the events of an expansion, in order. */
export type EmitEvent = (event: AguiEvent) => void;

export interface ExpanderOptions {
  /** How many streams may be open at once, one per subagent and one of the parent. 1 and more, default 10,000. */
  readonly maxLanes?: number;
}

/**
 * Turns TEXT_MESSAGE_CHUNK, TOOL_CALL_CHUNK and REASONING_MESSAGE_CHUNK into START, CONTENT (or ARGS) and END
 * as AG-UI clients do, so that a log holds, and readers see, no chunk. Every other event passes unchanged.
 */
export interface Expander {
  /** Takes the next event and emits what it stands for. Throws {@link ViolationError}, having emitted nothing. */
  push(event: AguiEvent, emit: EmitEvent): void;
  /** Emits the END of every stream that chunks have left open: before a terminal that the agent did not send. */
  flush(emit: EmitEvent): void;
}

/** Creates an expander for one stream of events. */
export function createExpander(options: ExpanderOptions = {}): Expander {
  return new ChunkExpander(options);
}

/** A chunk continues "the same as before", so each owner assembles at most one stream: its lane. */
class ChunkExpander implements Expander {
  /** By subagent; undefined is the parent agent. In the order in which they opened. */
  readonly #lanes = new Map<string | undefined, Lane>();
  readonly #maxLanes: number;

  constructor(options: ExpanderOptions) {
    this.#maxLanes = options.maxLanes ?? 10_000;
  }

  push(event: AguiEvent, emit: EmitEvent): void {
    switch (event.type) {
      case "TEXT_MESSAGE_CHUNK":
      case "TOOL_CALL_CHUNK":
      case "REASONING_MESSAGE_CHUNK":
        this.#expand(event, emit);
        break;
      default:
        if (this.#lanes.size > 0) this.#closeBefore(event, emit);
        emit(event);
    }
  }

  flush(emit: EmitEvent): void {
    for (const owner of [...this.#lanes.keys()]) this.#close(owner, emit);
  }

  #closeBefore(event: Exclude<AguiEvent, ChunkEvent>, emit: EmitEvent): void {
    switch (event.type) {
      // These speak of the run as a whole.
      case "RUN_STARTED":
      case "RUN_FINISHED":
      case "RUN_ERROR":
      case "MESSAGES_SNAPSHOT":
        this.flush(emit);
        break;
      // These interrupt nobody.
      case "RAW":
      case "ACTIVITY_SNAPSHOT":
      case "ACTIVITY_DELTA":
      case "REASONING_ENCRYPTED_VALUE":
      case "SUBAGENT_STARTED":
        break;
      // An id of null or none is malformed, and the parent's lane is not meant.
      case "SUBAGENT_FINISHED":
      case "SUBAGENT_ERROR":
        if (typeof event.subagentRunId === "string") this.#close(event.subagentRunId, emit);
        break;
      default:
        this.#close(event.subagentRunId ?? undefined, emit);
    }
  }

  #close(owner: string | undefined, emit: EmitEvent): void {
    const lane = this.#lanes.get(owner);
    if (lane === undefined) return;
    this.#lanes.delete(owner);
    emit(closerOf(lane));
  }

  #expand(chunk: ChunkEvent, emit: EmitEvent): void {
    const kind = kindOfChunk(chunk);
    const id = idOf(chunk);
    const owner = this.#ownerOf(chunk, kind, id);
    const open = this.#lanes.get(owner);
    if (open !== undefined && open.kind === kind && (id === undefined || id === open.id)) {
      const conflict = conflictOf(open, chunk);
      if (conflict !== undefined) throw new ViolationError("chunk_conflict", conflict);
      const content = contentOf(open, chunk);
      if (content !== undefined) emit(content);
      return;
    }
    const lane = openLane(chunk, id);
    if (open === undefined && this.#lanes.size >= this.#maxLanes) {
      throw new ViolationError(
        "too_many_entities",
        `More than ${this.#maxLanes} streams of chunks are open.`,
      );
    }
    this.#close(owner, emit);
    this.#lanes.set(owner, lane);
    emit(openerOf(lane, chunk));
    if (chunk.delta !== undefined || chunk.rawEvent !== undefined) emit(contentOf(lane, chunk) as AguiEvent);
  }

  /** Whose lane a chunk is meant for: by its id, else its tag, else the only stream that it can continue. */
  #ownerOf(chunk: ChunkEvent, kind: ChunkKind, id: string | undefined): string | undefined {
    const tag = chunk.subagentRunId ?? undefined;
    if (id === undefined) return tag ?? this.#soleOwner(chunk, kind);
    const holder = this.#holderOf(kind, id, tag);
    if (holder === undefined) return tag;
    if (tag !== undefined && tag !== holder.subagentRunId) {
      throw new ViolationError(
        "attribution_mismatch",
        `${chunk.type} is tagged with subagent '${tag}', but the ${KIND_LABELS[kind]} '${id}' belongs to ${nameOf(holder)}.`,
      );
    }
    return holder.subagentRunId;
  }

  #holderOf(
    kind: ChunkKind,
    id: string,
    tag: string | undefined,
  ): { subagentRunId: string | undefined } | undefined {
    const own = this.#lanes.get(tag);
    if (own?.kind === kind && own.id === id) return { subagentRunId: tag };
    for (const [subagentRunId, lane] of this.#lanes) {
      if (lane.kind === kind && lane.id === id) return { subagentRunId };
    }
    return undefined;
  }

  /** Untagged means the parent agent, unless a single other stream is all that the chunk can mean. */
  #soleOwner(chunk: ChunkEvent, kind: ChunkKind): string | undefined {
    if (this.#lanes.get(undefined)?.kind === kind) return undefined;
    const owners = [...this.#lanes].filter(([, lane]) => lane.kind === kind).map(([owner]) => owner);
    if (owners.length <= 1) return owners[0];
    throw new ViolationError(
      "chunk_ambiguous",
      `${chunk.type} carries neither an id nor a subagentRunId, but ${owners.length} streams of its kind are open.`,
    );
  }
}
