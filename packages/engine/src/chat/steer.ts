import { type AguiEvent, type Message, type UserMessage, ViolationError } from "@dragoman/agui";
import type { EngineCore } from "../core.ts";
import { EngineError } from "../errors.ts";
import type { RunPort } from "../run-port.ts";
import type { Session } from "../session.ts";
import { checkHistoryLength } from "../start-run.ts";
import { type ChatOutcome, steeredEntry } from "./said-messages.ts";

type PlainMessage = UserMessage & { readonly content: string };

/** The only run that a message is for: where its agent does not take it, it is for nobody here. */
export interface OnlyRun {
  readonly runId: string;
  readonly onTaken: () => void;
}

/** Whether a message can be told by events within a run: a user's text and nothing else. */
export function isPlainText(message: Message): message is PlainMessage {
  const { id: _id, role, content, name: _name, ...rest } = message as UserMessage;
  return role === "user" && typeof content === "string" && Object.keys(rest).length === 0;
}

/**
 * Says something to the agent at work: first in the log, then to the agent. Call it while holding the mutex.
 *
 * Returns "not live" where no agent listens, and nothing was done; "unheard" where the message is in the log,
 * but the run ended before it could be handed over.
 */
export async function steer(
  core: EngineCore,
  session: Session,
  message: PlainMessage,
  only?: OnlyRun,
): Promise<ChatOutcome | "not live" | "unheard"> {
  await portSettled(session);
  const writer = await session.write();
  // From here to the events nothing else may happen to the run: no await.
  const run = session.active;
  const port = run?.port;
  if (run === undefined || port === undefined || !port.inputs.hasRoom) return "not live";
  if (only && only.runId !== run.info.runId) return "not live";
  checkHistoryLength(session, [...session.fold.messages, message], core.limits);
  const { runId } = run.info;
  const afterSequence = writer.nextSequence - 1;
  inject(port, message);
  writer.add([], [steeredEntry(session.key, message, { runId, afterSequence }, core.now())]);
  await session.flush();
  if (!only) run.promised.add(message.id);
  const isHanded = port.inputs.push({ type: "message", message }, only?.onTaken);
  return isHanded ? { disposition: "steered", runId, afterSequence } : "unheard";
}

/** Waits over the moments in which a run begins or ends. */
async function portSettled(session: Session): Promise<void> {
  for (let run = session.active; run && !run.isEnded; run = session.active) {
    if (run.port || run.info.unverified) return;
    await run.portChanged();
  }
}

function inject(port: RunPort, { id: messageId, content, name }: PlainMessage): void {
  const events: AguiEvent[] = [
    { type: "TEXT_MESSAGE_START", messageId, role: "user", ...(name !== undefined && { name }) },
    ...(content === "" ? [] : [{ type: "TEXT_MESSAGE_CONTENT" as const, messageId, delta: content }]),
    { type: "TEXT_MESSAGE_END", messageId },
  ];
  try {
    port.inject(events);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    throw new EngineError("INVALID_INPUT", `the message cannot be said now: ${error.message}`, {
      path: "/id",
    });
  }
}
