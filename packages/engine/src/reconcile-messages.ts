import { downgradeMessage, type Message } from "@dragoman/agui";
import { EngineError } from "./errors.ts";
import { sameJson } from "./fingerprint.ts";

/** How the messages of an input meet the history; see agent.v1.History. */
export type HistoryMode = "auto" | "append" | "replace";

/** What the messages of an input mean for the history of a session. */
export interface Reconciled {
  /** The messages that are new to the session, in order. */
  readonly added: readonly Message[];
  /** The whole history with them. */
  readonly history: readonly Message[];
  /** Whether something that was there changed, so that readers need a MESSAGES_SNAPSHOT. */
  readonly rewritten: boolean;
}

/** Roles whose content a client may change; of the others the log wins. */
const editableRoles: ReadonlySet<string> = new Set(["user", "system", "developer"]);

/** Messages that clients do not send back, so their absence means nothing. */
function isOwnedByServer(message: Message): boolean {
  return message.role === "activity" || message.role === "reasoning";
}

/** How many messages people and agents wrote: activity and reasoning do not count. */
export function countMessages(messages: readonly Message[]): number {
  return messages.reduce((count, message) => (isOwnedByServer(message) ? count : count + 1), 0);
}

/**
 * Matches the messages of an input with the history by id.
 *
 * None known, or the last one of the history among them: unknown ones are appended. The known ones stop
 * short of the end (regenerate, edit): the history is cut after the last known one. Activity and
 * reasoning messages take no part; they stay where they are.
 */
export function reconcileMessages(
  history: readonly Message[],
  incoming: readonly Message[],
  mode: HistoryMode = "auto",
): Reconciled {
  const incomingOnce = withoutRepeats(incoming.filter((message) => !isOwnedByServer(message)));
  const sent = mode === "replace" ? incomingOnce : withFirstAnswers(history, incomingOnce);
  const known = new Map<string, number>();
  history.forEach((message, index) => {
    if (!isOwnedByServer(message)) known.set(message.id, index);
  });
  if (mode === "append") refuseKnown(sent, known);
  if (mode === "replace") return replace(history, sent, known);

  const added = sent.filter((message) => !known.has(message.id));
  const shown = sent.map((message) => known.get(message.id) ?? -1).filter((index) => index >= 0);
  if (shown.length === 0) return { added, history: [...history, ...added], rewritten: false };

  const lastShown = Math.max(...shown);
  const lastKnown = Math.max(...known.values());
  const edited = applyEdits(history, sent, known);
  const cut = lastShown < lastKnown;
  const kept = cut ? edited.messages.slice(0, lastShown + 1) : edited.messages;
  return { added, history: [...kept, ...added], rewritten: cut || edited.changed };
}

function refuseKnown(sent: readonly Message[], known: ReadonlyMap<string, number>): void {
  const index = sent.findIndex((message) => known.has(message.id));
  if (index < 0) return;
  throw new EngineError(
    "INVALID_INPUT",
    `the message ${JSON.stringify(sent[index]?.id)} is already in the history; with APPEND all messages must be new`,
    { path: `/messages/${index}/id` },
  );
}

function replace(
  history: readonly Message[],
  sent: readonly Message[],
  known: ReadonlyMap<string, number>,
): Reconciled {
  const added = sent.filter((message) => !known.has(message.id));
  const visible = history.filter((message) => !isOwnedByServer(message));
  const same = added.length === 0 && sameJson(visible, sent);
  return same ? { added, history, rewritten: false } : { added, history: sent, rewritten: true };
}

function applyEdits(
  history: readonly Message[],
  sent: readonly Message[],
  known: ReadonlyMap<string, number>,
) {
  const messages = [...history];
  let changed = false;
  for (const message of sent) {
    const index = known.get(message.id);
    const current = index === undefined ? undefined : messages[index];
    if (index === undefined || current === undefined || !editableRoles.has(current.role)) continue;
    if (message.role !== current.role || sameJson(message.content, current.content)) continue;
    // A peer of AG-UI 0.x sends back what it was given: the downgraded form, which is no edit.
    if (sameJson(message.content, downgradeMessage(current).content)) continue;
    messages[index] = message;
    changed = true;
  }
  return { messages, changed };
}

/**
 * Puts the result that a call has in the place of one that a client sends for it under another id: the first answer
 * counts, whoever else executed the call.
 */
function withFirstAnswers(history: readonly Message[], sent: readonly Message[]): readonly Message[] {
  if (!sent.some(({ role }) => role === "tool")) return sent;
  const ids = new Set(history.map(({ id }) => id));
  const own = new Set(sent.map(({ id }) => id));
  const answers = new Map(
    history.flatMap((one) => (one.role === "tool" ? [[one.toolCallId, one] as const] : [])),
  );
  return sent.flatMap((message) => {
    if (message.role !== "tool" || ids.has(message.id)) return [message];
    const first = answers.get(message.toolCallId);
    if (!first) return [message];
    return own.has(first.id) ? [] : [first];
  });
}

/** A repeated id counts once, as its last content says. */
function withoutRepeats(messages: readonly Message[]): Message[] {
  return [...new Map(messages.map((message) => [message.id, message])).values()];
}

/**
 * Returns the history as an agent is given it: without activity, without results of calls that nobody made, and
 * with a synthetic result for every call that has none, because model APIs refuse both. `pending` names calls
 * that an interrupt holds back: those are left open. Nothing of this reaches the log.
 */
export function historyForAgent(history: readonly Message[], pending: ReadonlySet<string>): Message[] {
  const answered = new Set(
    history.flatMap((message) => (message.role === "tool" ? [message.toolCallId] : [])),
  );
  const made = new Set(
    history.flatMap((message) =>
      message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : [],
    ),
  );
  const result: Message[] = [];
  for (const message of history) {
    if (message.role === "activity") continue;
    if (message.role === "tool" && !made.has(message.toolCallId)) continue;
    result.push(message);
    if (message.role !== "assistant") continue;
    for (const call of message.toolCalls ?? []) {
      if (answered.has(call.id) || pending.has(call.id)) continue;
      const content = "The call has no result: the run ended before it was executed.";
      result.push({ id: `${call.id}:no-result`, role: "tool", toolCallId: call.id, content });
    }
  }
  return result;
}
