import type { Agent } from "@dragoman/agent";
import type { AguiEvent, Interrupt, Message, ResumeEntry, RunAgentInput, Tool } from "@dragoman/agui";
import { createReducer } from "@dragoman/agui";
import type { CatalogChange } from "@dragoman/event-log";
import type { ActiveRun, DisconnectPolicy } from "./active-run.ts";
import { encodeWithin } from "./encode-within.ts";
import type { RunInfo, SessionInfo } from "./entries.ts";
import { EngineError, limitReached, quote } from "./errors.ts";
import { applyDecisions, decisionsOfRun, nothingDecided } from "./interrupts/decisions.ts";
import { type PlanContext, planInterrupts } from "./interrupts/plan.ts";
import type { ResolvedInterrupts } from "./interrupts/resolve-answers.ts";
import type { EngineLimits } from "./limits.ts";
import { type ChangeOrigin, originMetadata } from "./origin.ts";
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
  /** Whether its answers are decided when it is accepted, also where it has to wait. */
  readonly decidesAtOnce?: boolean;
  /** What made it, if not an agent. Such a run leaves open interrupts as they are. */
  readonly origin?: ChangeOrigin;
  /** What is written with its beginning; not kept where it has to wait. */
  readonly opening?: RunOpening;
  /** What its session is, besides, if it has to be made. */
  readonly newSession?: Pick<SessionInfo, "options" | "parent" | "spawnDepth">;
  /** How many servers it came through to be here. Default 0. */
  readonly hops?: number;
}

/** What is written with the beginning of a run. */
export interface RunOpening {
  /** Events after RUN_STARTED and its snapshots. */
  readonly events: readonly AguiEvent[];
  /** Changes of the catalog, given the sequence of the first of these events. */
  catalog(firstSequence: number): readonly CatalogChange[];
}

/** What starting a run needs besides its session. */
export type StartContext = PlanContext;

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
  if (repeat.length > 0) return { events, agentInput: undefined, repeat };
  const { resume } = plan.interrupts;
  const given = {
    history: withResults(plan.messages.history, request.opening),
    state: plan.state.state,
    resume,
    toolCallIds: guardedCalls(plan.interrupts),
  };
  return { events, agentInput: agentInput(session, input, given), repeat };
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
  return { messages, state, interrupts: await planAnswers(session, request, context) };
}

/** Throws LIMIT_REACHED for a history with more messages than there may be. */
export function checkHistoryLength(
  session: Session,
  history: readonly Message[],
  limits: EngineLimits,
): void {
  const { historyMessagesMax } = limits;
  if (history.length > historyMessagesMax) {
    throw limitReached("historyMessagesMax", historyMessagesMax, "the history would have too many messages");
  }
  const own = session.info.options?.messageCountMax;
  if (own !== undefined && countMessages(history) > own) {
    throw limitReached("message_count_max", own, "the history would have more messages than the session may");
  }
}

/** Meets the answers of a request with the interrupts of its session. */
export async function planAnswers(
  session: Session,
  { input, onOpenInterrupts, origin }: RunRequest,
  context: StartContext,
): Promise<ResolvedInterrupts> {
  if (origin) return { decided: [], remaining: [], resume: [], earlier: [] };
  const { runId, resume: answers = [], tools = [] } = input;
  const request = { runId, answers, cancelRest: onOpenInterrupts === "cancel", tools };
  return planInterrupts(session, request, context);
}

function guardedCalls({ decided, earlier }: ResolvedInterrupts): string[] {
  const infos = [...earlier, ...decided.map(({ info }) => info)];
  return infos.flatMap(({ interrupt }) => interrupt.toolCallId ?? []);
}

/** The record of what a run goes on with; none where nobody decided anything, or the agent is not called. */
function resumeRecord(runId: string, resolved: ResolvedInterrupts, time: number): Uint8Array | undefined {
  const { decided, earlier, remaining, resume: answers } = resolved;
  if (remaining.length > 0 || decided.length + earlier.length === 0) return undefined;
  return encodeRecord({ type: "resume", time, runId, answers, toolCallIds: guardedCalls(resolved) });
}

/**
 * Says that a snapshot has every activity there is, so that readers drop those that were cut. AG-UI knows no
 * such word for reasoning: where none is left, readers keep what they had.
 */
export const completeSnapshot = { "@ag-ui/client": { authoritativeActivityTypes: null } };

/** The history with the results that a run begins with. */
function withResults(history: readonly Message[], opening: RunOpening | undefined): readonly Message[] {
  if (!opening) return history;
  const reducer = createReducer({ messages: history });
  for (const event of opening.events) reducer.push(event);
  return reducer.messages;
}

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
      ...(request.origin && { metadata: originMetadata(request.origin) }),
    },
  ];
  if (rewritten)
    events.push({ type: "MESSAGES_SNAPSHOT", messages: [...history], metadata: completeSnapshot });
  // Who makes no run of an agent sends no state either, so that nobody has to be told.
  if (plan.state.snapshot && !request.origin)
    events.push({ type: "STATE_SNAPSHOT", snapshot: plan.state.state });
  return [...events, ...(request.opening?.events ?? [])];
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
  let info: RunInfo = {
    ...run.info,
    state: "running",
    inputRecord: queued ? run.info.inputRecord : writer.nextRecord,
    firstSequence,
    lastSequence: writer.nextSequence - 1,
  };
  const records = queued ? [] : [inputRecord(session, request, info, context.now())];
  const decisions = plan ? decisionsOfRun(plan.interrupts, input.runId, context.now()) : nothingDecided;
  records.push(...decisions.records);
  const resumption = plan && resumeRecord(input.runId, plan.interrupts, context.now());
  if (resumption) {
    info = { ...info, resumeRecord: writer.nextRecord + records.length };
    records.push(resumption);
  }
  const title = session.info.title || titleOf(input);
  const runCount = session.info.runCount + (request.origin ? 0 : 1);
  const changes = session.entriesFor(info, { agentId, title, runCount });
  const { opening } = request;
  const opened = opening ? opening.catalog(writer.nextSequence - opening.events.length) : [];
  writer.add(records, [...changes, ...session.interruptEntries(decisions.infos), ...opened]);
  await writer.flush();
  session.isNew = false;
  // A cancel may have come while this was written.
  run.info = run.info.cancelRequested ? { ...info, cancelRequested: true } : info;
  applyDecisions(session, decisions);
  session.hub.run(run.info);
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

/** What an agent is given besides what its request says. */
export interface AgentGiven {
  readonly history: readonly Message[];
  readonly state: RunAgentInput["state"];
  readonly resume: readonly ResumeEntry[];
  /** Calls that the answers are about: they have no result yet, and need none. */
  readonly toolCallIds: readonly string[];
}

/** The input of an agent: the request, reconciled with the session. */
export function agentInput(session: Session, input: RunAgentInput, given: AgentGiven): RunAgentInput {
  const { tools = [], context = [] } = session.info.options ?? {};
  const { resume: _resume, ...rest } = input;
  return structuredClone({
    ...rest,
    protocolVersion: "1.0",
    messages: historyForAgent(given.history, new Set(given.toolCallIds)),
    state: given.state,
    tools: withoutRepeats([...tools, ...(input.tools ?? [])]),
    context: [...context, ...(input.context ?? [])],
    ...(given.resume.length > 0 && { resume: [...given.resume] }),
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
