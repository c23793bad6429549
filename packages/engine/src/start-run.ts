import type { Agent } from "@dragoman/agent";
import type { AguiEvent, Interrupt, Message, RunAgentInput, Tool } from "@dragoman/agui";
import type { Catalog } from "@dragoman/event-log";
import type { ActiveRun, DisconnectPolicy } from "./active-run.ts";
import { encodeWithin } from "./encode-within.ts";
import { type InterruptInfo, type RunInfo, readEntry, type SessionInfo } from "./entries.ts";
import { EngineError, limitReached, quote } from "./errors.ts";
import { type ResolvedInterrupts, resolveInterrupts } from "./interrupts.ts";
import type { EngineLimits } from "./limits.ts";
import {
  countMessages,
  type HistoryMode,
  historyForAgent,
  type Reconciled,
  reconcileMessages,
} from "./reconcile-messages.ts";
import { type ReconciledState, reconcileState } from "./reconcile-state.ts";
import { encodeRecord } from "./records.ts";
import type { Session } from "./session.ts";

/** A run to start; see agent.v1.RunAgentRequest for the meaning of the options. */
export interface RunRequest {
  readonly namespace: string;
  readonly agentId: string;
  readonly input: RunAgentInput;
  readonly ifActive?: "default" | "reject" | "queue" | "cancel";
  readonly disconnect: DisconnectPolicy;
  readonly history?: HistoryMode;
  readonly baseSequence?: number;
  readonly ifStateRevision?: number;
  readonly onOpenInterrupts?: "repeat" | "cancel";
  /** What its session is, besides, if it has to be made. */
  readonly newSession?: Pick<SessionInfo, "options" | "parent" | "spawnDepth">;
}

/** What starting a run needs besides its session. */
export interface StartContext {
  readonly catalog: Catalog;
  readonly limits: EngineLimits;
  readonly now: () => number;
}

/** A run that was begun: its first events are durable. */
export interface BegunRun {
  /** What was written, so that whoever checks the agent's events knows what was before them. */
  readonly events: readonly AguiEvent[];
  /** What the agent is to be given; undefined where the run is to end with `repeat`. */
  readonly agentInput: RunAgentInput | undefined;
  /** Interrupts that are still open: the run ends with them at once. */
  readonly repeat: readonly Interrupt[];
}

interface Plan {
  readonly messages: Reconciled;
  readonly state: ReconciledState;
  readonly interrupts: ResolvedInterrupts;
}

/**
 * Writes the beginning of a run: its record, its RUN_STARTED and the snapshots that clients need.
 *
 * Everything is decided before anything is written; a rejected request leaves no trace.
 */
export async function beginRun(
  session: Session,
  request: RunRequest,
  agent: Agent,
  run: ActiveRun,
  context: StartContext,
): Promise<BegunRun> {
  const { input } = request;
  if (agent.unverified) {
    await writeBeginning(session, request, run, undefined, [], context);
    return { events: [], agentInput: input, repeat: [] };
  }
  const plan = await planRun(session, request, context);
  const events = beginning(request, plan);
  await writeBeginning(session, request, run, plan, events, context);
  const repeat = plan.interrupts.remaining.map((info) => info.interrupt);
  return { events, agentInput: repeat.length > 0 ? undefined : agentInput(session, input, plan), repeat };
}

/** Checks a request against its session. Throws what {@link beginRun} would; writes nothing. */
export async function planRun(session: Session, request: RunRequest, context: StartContext): Promise<Plan> {
  const { input, history, baseSequence, ifStateRevision } = request;
  const { fold } = session;
  const messages = reconcileMessages(fold.messages, input.messages, history);
  if (messages.rewritten && baseSequence !== undefined && baseSequence < session.headSequence) {
    throw new EngineError(
      "STALE_HISTORY",
      `the history changed after ${baseSequence}: read on to ${session.headSequence} and try again`,
      { head_sequence: String(session.headSequence) },
    );
  }
  checkHistoryLength(session, messages.history, context.limits);
  const state = reconcileState(fold.state, fold.echoState, input.state);
  if (state.edited && ifStateRevision !== undefined && ifStateRevision !== fold.stateRevision) {
    throw new EngineError(
      "STALE_STATE",
      `the state is at revision ${fold.stateRevision}, not ${ifStateRevision}`,
      {
        revision: String(fold.stateRevision),
      },
    );
  }
  return { messages, state, interrupts: await planInterrupts(session, request, context) };
}

function checkHistoryLength(session: Session, history: readonly Message[], limits: EngineLimits): void {
  const { historyMessagesMax } = limits;
  if (history.length > historyMessagesMax) {
    throw limitReached("historyMessagesMax", historyMessagesMax, "the history would have too many messages");
  }
  const own = session.info.options?.messageCountMax;
  if (own !== undefined && countMessages(history) > own) {
    throw limitReached("message_count_max", own, "the history would have more messages than the session may");
  }
}

async function planInterrupts(
  session: Session,
  request: RunRequest,
  context: StartContext,
): Promise<ResolvedInterrupts> {
  const decided = await decidedInterrupts(session, request, context);
  const interruptedRuns = new Set(session.openInterrupts.map((info) => info.runId));
  const earlier = decided
    .filter((info) => interruptedRuns.has(info.runId))
    .flatMap((info) => (info.answer ? [info.answer] : []));
  return resolveInterrupts(
    session.openInterrupts,
    earlier,
    request.input.resume ?? [],
    request.onOpenInterrupts === "cancel",
    context.now(),
    (id) => decided.find((info) => info.interrupt.id === id),
  );
}

/** Interrupts of the session that were answered; asked for only where an answer may meet one. */
async function decidedInterrupts(session: Session, request: RunRequest, context: StartContext) {
  if (session.openInterrupts.length === 0 && (request.input.resume ?? []).length === 0) return [];
  const { namespace, id: parent } = session.key;
  const entries = await context.catalog.list({
    namespace,
    kind: "interrupt",
    parent,
    states: ["decided"],
    limit: 1_000,
  });
  return entries.map((entry) => readEntry<InterruptInfo>(entry));
}

/**
 * Says that a snapshot has every activity there is, so that readers drop those that were cut. AG-UI knows no
 * such word for reasoning: where none is left, readers keep what they had.
 */
const completeSnapshot = { "@ag-ui/client": { authoritativeActivityTypes: null } };

function beginning(request: RunRequest, plan: Plan): AguiEvent[] {
  const { threadId, runId, parentRunId, resume } = request.input;
  const ids = { threadId, runId, ...(parentRunId !== undefined && { parentRunId }) };
  const answers = resume && resume.length > 0 ? { resume } : {};
  const { added, history, rewritten } = plan.messages;
  // A snapshot says it all. New messages in RUN_STARTED as well would come before older ones in a client
  // that joins here and holds nothing.
  const messages = rewritten ? [] : [...added];
  const events: AguiEvent[] = [
    {
      type: "RUN_STARTED",
      ...ids,
      protocolVersion: "1.0",
      input: { ...ids, messages, ...answers },
    },
  ];
  if (rewritten)
    events.push({ type: "MESSAGES_SNAPSHOT", messages: [...history], metadata: completeSnapshot });
  if (plan.state.snapshot) events.push({ type: "STATE_SNAPSHOT", snapshot: plan.state.state });
  return events;
}

async function writeBeginning(
  session: Session,
  request: RunRequest,
  run: ActiveRun,
  plan: Plan | undefined,
  events: readonly AguiEvent[],
  context: StartContext,
): Promise<void> {
  const { input, agentId } = request;
  const encoded = events.map((event) => {
    const what = event.type === "MESSAGES_SNAPSHOT" ? "the history" : "the input";
    return encodeWithin(event, context.limits.eventMaxBytes, what);
  });
  const writer = await session.write();
  const firstSequence = writer.nextSequence;
  for (const [index, event] of events.entries()) writer.push(event, encoded[index]);
  const queued = run.info.state === "queued";
  const info: RunInfo = {
    ...run.info,
    state: "running",
    inputRecord: queued ? run.info.inputRecord : session.headRecord + 1,
    firstSequence,
    lastSequence: writer.nextSequence - 1,
  };
  const records = queued ? [] : [inputRecord(session, request, info, context.now())];
  const decided = plan?.interrupts.decided ?? [];
  const answers = decided.map(({ info: one, answer }): InterruptInfo => {
    return { ...one, state: "decided", answer, decidedByRunId: input.runId };
  });
  for (const one of answers) {
    records.push(
      encodeRecord({
        type: "decision",
        time: context.now(),
        runId: one.runId,
        decidedByRunId: input.runId,
        answers: one.answer ? [one.answer] : [],
      }),
    );
  }
  const title = session.info.title || titleOf(input);
  const changes = session.entriesFor(info, { agentId, title, runCount: session.info.runCount + 1 });
  writer.add(records, [...changes, ...session.interruptEntries(answers)]);
  await writer.flush();
  session.isNew = false;
  const decidedKeys = new Set(answers.map(interruptKey));
  session.openInterrupts = session.openInterrupts.filter((one) => !decidedKeys.has(interruptKey(one)));
  // A cancel may have come while this was written.
  run.info = run.info.cancelRequested ? { ...info, cancelRequested: true } : info;
  session.hub.interrupts(answers);
  session.hub.run(run.info);
}

function interruptKey(info: InterruptInfo): string {
  return JSON.stringify([info.runId, info.interrupt.id]);
}

/** The record of what a run was asked. Messages that the log holds already are only named. */
export function inputRecord(session: Session, request: RunRequest, info: RunInfo, time: number): Uint8Array {
  const { messages, ...input } = request.input;
  const known = new Set(session.fold.messages.map((message) => message.id));
  const whole = info.state === "queued";
  return encodeRecord({
    type: "input",
    time,
    runId: info.runId,
    agentId: info.agentId,
    fingerprint: info.fingerprint,
    input,
    messages: whole ? messages : messages.filter((message) => !known.has(message.id)),
    knownMessageIds: whole
      ? []
      : messages.filter((message) => known.has(message.id)).map((message) => message.id),
  });
}

function agentInput(session: Session, input: RunAgentInput, plan: Plan): RunAgentInput {
  const { tools = [], context = [] } = session.info.options ?? {};
  const { resume } = plan.interrupts;
  const pending = new Set(plan.interrupts.decided.flatMap(({ info }) => info.interrupt.toolCallId ?? []));
  const { resume: _resume, ...rest } = input;
  return structuredClone({
    ...rest,
    protocolVersion: "1.0",
    messages: historyForAgent(plan.messages.history, pending),
    state: plan.state.state,
    tools: withoutRepeats([...tools, ...(input.tools ?? [])]),
    context: [...context, ...(input.context ?? [])],
    ...(resume.length > 0 && { resume: [...resume] }),
  });
}

/** A tool of the request takes the place of one of the session that has its name. */
function withoutRepeats(tools: readonly Tool[]): Tool[] {
  return [...new Map(tools.map((tool) => [tool.name, tool])).values()];
}

/** The beginning of the first thing the user said. */
function titleOf(input: RunAgentInput): string {
  const first = input.messages.find((message) => message.role === "user");
  if (first?.role !== "user") return "";
  const parts =
    typeof first.content === "string"
      ? [first.content]
      : first.content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const text = parts.join(" ").replace(/\s+/g, " ").trim();
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** The error for a start while another run is active. */
export function runIsActive(session: Session, run: RunInfo): EngineError {
  return new EngineError(
    "RUN_ACTIVE",
    `the session ${quote(session.sessionId)} has the active run ${quote(run.runId)}: attach to it, cancel it, or ask to queue`,
    { session_id: session.sessionId, run_id: run.runId },
  );
}
