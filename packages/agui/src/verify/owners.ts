import type { Message } from "../types.ts";
import { type RuleName, ViolationError } from "./rules.ts";

/** What kind of thing an id names: ids are unique within a kind only. */
export type EntityKind = "message" | "toolCall" | "activity" | "reasoning";

/** Whose an entity is: a subagent's, or, without an id, the parent agent's. */
export interface Owner {
  readonly subagentRunId: string | undefined;
}

/** What is known of a conversation beyond the stream that is verified. The reducer has this form. */
export interface History {
  /** Whose an entity of earlier events is; undefined when there is no such entity. */
  ownerOf(kind: EntityKind, id: string): Owner | undefined;
  /** Whether some message made this tool call. */
  hasToolCall(toolCallId: string): boolean;
}

const LABELS: Readonly<Record<EntityKind, string>> = {
  message: "message",
  toolCall: "tool call",
  activity: "activity",
  reasoning: "reasoning message",
};

const PARENT: Owner = { subagentRunId: undefined };

/** The kind of entity that a message streams as. */
export function kindOf(role: Message["role"]): EntityKind {
  return role === "reasoning" || role === "activity" ? role : "message";
}

/** An owner for people. */
export function nameOf(owner: Owner): string {
  return owner.subagentRunId === undefined ? "the parent agent" : `subagent '${owner.subagentRunId}'`;
}

/**
 * Who owns what in one run. An entry outlives the end of its entity, because an event may come back to it:
 * an encrypted value after TOOL_CALL_END, a START that re-opens a closed message.
 *
 * Clients that were there from the start know only what the events of the run told them; clients that joined by
 * a snapshot know what the messages show. With a history, an event has to suit both.
 */
export class Owners {
  readonly #byKind: Readonly<Record<EntityKind, Map<string, Owner>>> = {
    message: new Map(),
    toolCall: new Map(),
    activity: new Map(),
    reasoning: new Map(),
  };
  /** Of messages that tool calls of this run brought into being, of which only snapshots tell. */
  readonly #made = new Map<string, Owner>();
  readonly #history: History | undefined;
  readonly #onAdded: () => void;

  constructor(history: History | undefined, onAdded: () => void) {
    this.#history = history;
    this.#onAdded = onAdded;
  }

  clear(): void {
    for (const owners of Object.values(this.#byKind)) owners.clear();
    this.#made.clear();
  }

  get(kind: EntityKind, id: string): Owner | undefined {
    return this.#byKind[kind].get(id) ?? this.#earlier(kind, id);
  }

  set(kind: EntityKind, id: string, subagentRunId: string | undefined): void {
    const owners = this.#byKind[kind];
    if (!owners.has(id)) this.#onAdded();
    owners.set(id, subagentRunId === undefined ? PARENT : { subagentRunId });
  }

  /** Records the owner unless the run has told one: the first writer wins. */
  claim(kind: EntityKind, id: string, subagentRunId: string | undefined): void {
    if (this.#byKind[kind].has(id)) return;
    const earlier = this.#earlier(kind, id);
    // Where an untagged START re-opens what the messages show as a subagent's, nobody's tag suits all clients.
    const isDisputed = earlier !== undefined && earlier.subagentRunId !== subagentRunId;
    this.set(kind, id, isDisputed ? undefined : subagentRunId);
  }

  /** Records the owner of the message that is made for a tool call, unless the run or the history knows it. */
  claimMade(messageId: string, subagentRunId: string | undefined): void {
    if (this.#history === undefined || this.get("message", messageId) !== undefined) return;
    this.#onAdded();
    this.#made.set(messageId, { subagentRunId });
  }

  #earlier(kind: EntityKind, id: string): Owner | undefined {
    if (this.#history === undefined) return undefined;
    return (kind === "message" ? this.#made.get(id) : undefined) ?? this.#history.ownerOf(kind, id);
  }

  /** Throws if a tagged event speaks of an entity of somebody else. Untagged events agree with any owner. */
  agree(eventType: string, tag: string | undefined, kind: EntityKind, id: string, rule?: RuleName): void {
    if (tag === undefined) return;
    const owner = this.get(kind, id);
    if (owner === undefined || owner.subagentRunId === tag) return;
    throw new ViolationError(
      rule ?? "attribution_mismatch",
      `${eventType} is tagged with subagent '${tag}', but the ${LABELS[kind]} '${id}' belongs to ${nameOf(owner)}.`,
    );
  }

  /**
   * Takes over the owners of messages that came whole. A snapshot restates the conversation, so its owners
   * replace those on record; the echo of a run's input is history and only fills gaps.
   */
  seed(messages: readonly Message[] | undefined, authoritative: boolean): void {
    if (!Array.isArray(messages)) return;
    for (const message of messages) {
      if (message.subagentRunId === null) {
        throw new ViolationError("null_attribution", `Message '${message.id}' has a subagentRunId of null.`);
      }
      this.#put(kindOf(message.role), message.id, message.subagentRunId, authoritative);
      if (message.role !== "assistant" || message.toolCalls === undefined) continue;
      for (const call of message.toolCalls) {
        this.#put("toolCall", call.id, message.subagentRunId, authoritative);
      }
    }
  }

  #put(kind: EntityKind, id: string, subagentRunId: string | undefined, authoritative: boolean): void {
    if (authoritative) this.set(kind, id, subagentRunId);
    else this.claim(kind, id, subagentRunId);
  }
}
