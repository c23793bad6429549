import type {
  AguiEvent,
  ReasoningMessageStartEvent,
  ReasoningStartEvent,
  StepStartedEvent,
  SubagentErrorEvent,
  SubagentFinishedEvent,
  SubagentStartedEvent,
  TextMessageStartEvent,
  ToolCallStartEvent,
} from "../types.ts";
import type { EntityKind, Owners } from "./owners.ts";

interface Placed<E> {
  readonly event: E;
  /** Where in the run the event came, to restore the order over all kinds. */
  readonly order: number;
}

interface Subagent {
  readonly started: Placed<SubagentStartedEvent>;
  ended: Placed<SubagentFinishedEvent | SubagentErrorEvent> | undefined;
}

type Started =
  | TextMessageStartEvent
  | ToolCallStartEvent
  | ReasoningMessageStartEvent
  | ReasoningStartEvent
  | StepStartedEvent;

/** How subagents that are still active are closed. */
export interface CloseOptions {
  /** Default "The run ended before this subagent finished." */
  readonly message?: string;
  /** Default none. */
  readonly code?: string;
}

/** The open entities of one kind, by id. */
class OpenSet<E extends Started> extends Map<string, Placed<E>> {}

/** Everything that is open in a run, with the events that opened it. */
export class OpenEntities {
  readonly messages = new OpenSet<TextMessageStartEvent>();
  readonly toolCalls = new OpenSet<ToolCallStartEvent>();
  readonly reasoningMessages = new OpenSet<ReasoningMessageStartEvent>();
  readonly reasoningSpans = new OpenSet<ReasoningStartEvent>();
  /** All subagents of the run, ended ones too: a later one may name them as its parent. */
  readonly subagents = new Map<string, Subagent>();
  /** By owner, then by name: two owners may both have a step "tools" open. */
  readonly #steps = new Map<string | undefined, OpenSet<StepStartedEvent>>();
  #order = 0;

  clear(): void {
    this.messages.clear();
    this.toolCalls.clear();
    this.reasoningMessages.clear();
    this.reasoningSpans.clear();
    this.subagents.clear();
    this.#steps.clear();
    this.#order = 0;
  }

  place<E>(event: E): Placed<E> {
    this.#order += 1;
    return { event, order: this.#order };
  }

  stepsOf(owner: string | undefined): OpenSet<StepStartedEvent> | undefined {
    return this.#steps.get(owner);
  }

  addStep(event: StepStartedEvent): void {
    let steps = this.#steps.get(event.subagentRunId);
    if (steps === undefined) {
      steps = new OpenSet();
      this.#steps.set(event.subagentRunId, steps);
    }
    steps.set(event.stepName, this.place(event));
  }

  removeStep(owner: string | undefined, stepName: string): void {
    const steps = this.#steps.get(owner);
    steps?.delete(stepName);
    if (steps?.size === 0) this.#steps.delete(owner);
  }

  /** The owner of an open step of this name, whoever it is. */
  stepOwner(stepName: string): { subagentRunId: string | undefined } | undefined {
    for (const [subagentRunId, steps] of this.#steps) if (steps.has(stepName)) return { subagentRunId };
    return undefined;
  }

  /** What is open, for people; empty when nothing is. */
  describe(): string[] {
    const open = [
      ...this.#openSteps().map(({ event }) => `step '${event.stepName}'`),
      ...[...this.messages.keys()].map((id) => `message '${id}'`),
      ...[...this.reasoningMessages.keys()].map((id) => `reasoning message '${id}'`),
      ...[...this.reasoningSpans.keys()].map((id) => `reasoning '${id}'`),
      ...[...this.toolCalls.keys()].map((id) => `tool call '${id}'`),
    ];
    for (const [id, subagent] of this.subagents) if (!subagent.ended) open.push(`subagent '${id}'`);
    return open;
  }

  /** The events that close all that is open, each kind from the latest opened to the first. */
  closers(owners: Owners, options: CloseOptions): AguiEvent[] {
    const message = options.message ?? "The run ended before this subagent finished.";
    const code = options.code === undefined ? {} : { code: options.code };
    const subagents = [...this.subagents.values()].filter(({ ended }) => ended === undefined);
    return [
      ...latestFirst(this.toolCalls.values()).map(({ toolCallId }): AguiEvent => {
        return { type: "TOOL_CALL_END", toolCallId, ...tagOf(owners, "toolCall", toolCallId) };
      }),
      ...latestFirst(this.messages.values()).map(({ messageId }): AguiEvent => {
        return { type: "TEXT_MESSAGE_END", messageId, ...tagOf(owners, "message", messageId) };
      }),
      ...latestFirst(this.reasoningMessages.values()).map(({ messageId }): AguiEvent => {
        return { type: "REASONING_MESSAGE_END", messageId, ...tagOf(owners, "reasoning", messageId) };
      }),
      ...latestFirst(this.reasoningSpans.values()).map(({ messageId }): AguiEvent => {
        return { type: "REASONING_END", messageId, ...tagOf(owners, "reasoning", messageId) };
      }),
      ...latestFirst(this.#openSteps()).map(({ stepName, subagentRunId }): AguiEvent => {
        return { type: "STEP_FINISHED", stepName, ...(subagentRunId !== undefined && { subagentRunId }) };
      }),
      ...latestFirst(subagents.map(({ started }) => started)).map(({ subagentRunId }): AguiEvent => {
        return { type: "SUBAGENT_ERROR", subagentRunId, message, ...code };
      }),
    ];
  }

  /** The events that open again what is open, in their order. */
  openers(owners: Owners): AguiEvent[] {
    const placed: Placed<AguiEvent>[] = [
      ...[...this.messages].map(([id, opened]) => again(opened, tagOf(owners, "message", id))),
      ...[...this.toolCalls].map(([id, opened]) => again(opened, tagOf(owners, "toolCall", id))),
      ...[...this.reasoningMessages].map(([id, opened]) => again(opened, tagOf(owners, "reasoning", id))),
      ...[...this.reasoningSpans].map(([id, { event, order }]) => {
        const { subagentRunId: _, ...rest } = event;
        return { event: { ...rest, ...tagOf(owners, "reasoning", id) }, order };
      }),
      ...this.#openSteps(),
    ];
    for (const { started, ended } of this.subagents.values()) {
      placed.push(started);
      if (ended !== undefined) placed.push(ended);
    }
    return placed.sort((left, right) => left.order - right.order).map(({ event }) => withoutRaw(event));
  }

  #openSteps(): Placed<StepStartedEvent>[] {
    return [...this.#steps.values()].flatMap((steps) => [...steps.values()]);
  }
}

function latestFirst<E>(placed: Iterable<Placed<E>>): E[] {
  return [...placed].sort((left, right) => right.order - left.order).map(({ event }) => event);
}

/**
 * The tag of an entity as it is now. The opener need not have had one, and a snapshot of the messages may have
 * given the entity to somebody else since.
 */
function tagOf(owners: Owners, kind: EntityKind, id: string): { subagentRunId?: string } {
  const subagentRunId = owners.get(kind, id)?.subagentRunId;
  return subagentRunId === undefined ? {} : { subagentRunId };
}

/**
 * A START as it opens its entity again. Without metadata, because the message or call holds it already, and
 * perhaps later values of the same keys; without the parent of a call, because the messages show it, and it may
 * have changed hands.
 */
function again({ event, order }: Placed<Started>, tag: { subagentRunId?: string }): Placed<AguiEvent> {
  const { metadata: _metadata, subagentRunId: _subagentRunId, ...rest } = event;
  if (rest.type === "TOOL_CALL_START") delete rest.parentMessageId;
  return { event: { ...rest, ...tag }, order };
}

function withoutRaw(event: AguiEvent): AguiEvent {
  if (event.rawEvent === undefined) return event;
  const { rawEvent: _, ...rest } = event;
  return rest as AguiEvent;
}
