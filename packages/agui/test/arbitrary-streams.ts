import fc from "fast-check";
import { createExpander } from "../src/expand/expander.ts";
import { createReducer, type Reducer } from "../src/reduce/reducer.ts";
import type { AguiEvent, JsonPatchOperation, Message } from "../src/types.ts";
import { ViolationError } from "../src/verify/rules.ts";
import { createVerifier, type VerifierOptions } from "../src/verify/verifier.ts";

/**
 * Random well-formed events from a handful of ids, so that they meet: ids are shared between kinds on purpose,
 * because agents do it.
 */

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const messageId = fc.constantFrom("m1", "m2", "m3", "c1");
const toolCallId = fc.constantFrom("c1", "c2", "c3", "m1");
const subagentRunId = fc.constantFrom("s1", "s2", "s3");
const tag = fc.option(subagentRunId, { nil: undefined, freq: 3 });
const delta = fc.constantFrom("", "a", "be", "😀");
const metadata = optional(fc.dictionary(fc.constantFrom("k", "l"), fc.integer({ max: 9 }), { maxKeys: 2 }));
const stepName = fc.constantFrom("plan", "act");
const activityType = fc.constantFrom("PLAN", "SEARCH");
const role = fc.constantFrom("assistant", "user", "system", "developer");

/**
 * Where RFC 6902 is broken, the stock client breaks too: to the root from nowhere, it is left without a
 * document; a move into itself makes a circular one that it cannot print.
 */
function isSane({ path, from, op }: { op: string; path: string; from: string }): boolean {
  return path !== "" && (op === "copy" || !path.startsWith(`${from}/`));
}

const path = fc.constantFrom(
  "",
  "/a",
  "/b",
  "/a/b",
  "/list",
  "/list/0",
  "/list/1",
  "/list/-",
  "/a/b/c",
  "/~1",
);
const value = fc.oneof(
  fc.integer({ max: 3 }),
  fc.constant(null),
  fc.constant({ b: { c: 1 } }),
  fc.constant([1, { x: 1 }]),
  fc.constant({ list: [1] }),
);
const operation: fc.Arbitrary<JsonPatchOperation> = fc.oneof(
  fc.record({ op: fc.constantFrom("add", "replace", "test"), path, value }),
  fc.record({ op: fc.constant("remove"), path }),
  fc.record({ op: fc.constantFrom("move", "copy"), path, from: path }).filter(isSane),
) as fc.Arbitrary<JsonPatchOperation>;
const patch = fc.array(operation, { minLength: 1, maxLength: 3 });
const document = fc.constantFrom({}, { a: 1 }, { a: { b: { c: 1 } }, list: [] }, { list: [1, 2, { x: 1 }] });

const toolCalls = fc.uniqueArray(
  toolCallId.map((id) => ({ id, type: "function", function: { name: "search", arguments: "{" } })),
  { maxLength: 2, selector: ({ id }) => id },
);
const message = fc.oneof(
  fc.record({
    id: messageId,
    role: fc.constantFrom("user", "system"),
    content: delta,
    subagentRunId: tag,
    metadata,
  }),
  fc.record({
    id: messageId,
    role: fc.constant("assistant"),
    content: optional(delta),
    toolCalls,
    subagentRunId: tag,
  }),
  fc.record({ id: messageId, role: fc.constant("tool"), content: delta, toolCallId }),
  fc.record({ id: messageId, role: fc.constant("reasoning"), content: delta, subagentRunId: tag }),
  fc.record({
    id: messageId,
    role: fc.constant("activity"),
    activityType,
    content: document,
    subagentRunId: tag,
  }),
) as fc.Arbitrary<Message>;
export const messages: fc.Arbitrary<Message[]> = fc
  .uniqueArray(message, { maxLength: 4, selector: ({ id }) => id })
  .map((list) => list.map(compact));

const owned = { subagentRunId: tag, metadata };
const of = <T extends string>(type: T) => fc.constant(type);

const content: Record<string, fc.Arbitrary<unknown>> = {
  textStart: fc.record({ type: of("TEXT_MESSAGE_START"), messageId, role: optional(role), ...owned }),
  text: fc.record({ type: of("TEXT_MESSAGE_CONTENT"), messageId, delta, ...owned }),
  textEnd: fc.record({ type: of("TEXT_MESSAGE_END"), messageId, ...owned }),
  toolStart: fc.record({
    type: of("TOOL_CALL_START"),
    toolCallId,
    toolCallName: fc.constantFrom("search", "search", "find"),
    parentMessageId: optional(messageId),
    ...owned,
  }),
  toolArgs: fc.record({ type: of("TOOL_CALL_ARGS"), toolCallId, delta, ...owned }),
  toolEnd: fc.record({ type: of("TOOL_CALL_END"), toolCallId, ...owned }),
  toolResult: fc.record({
    type: of("TOOL_CALL_RESULT"),
    messageId: fc.constantFrom("t1", "t2", "t3", "t4", "m2"),
    toolCallId,
    content: fc.oneof(delta, fc.constant([{ type: "text", text: "part" }])),
    ...owned,
  }),
  state: fc.record({ type: of("STATE_SNAPSHOT"), snapshot: fc.oneof(document, fc.constant(null)), ...owned }),
  stateDelta: fc.record({ type: of("STATE_DELTA"), delta: patch, ...owned }),
  messagesSnapshot: fc.record({
    type: of("MESSAGES_SNAPSHOT"),
    messages,
    metadata: optional(
      fc.constantFrom(
        { "@ag-ui/client": { authoritativeActivityTypes: null } },
        { "@ag-ui/client": { authoritativeActivityTypes: ["PLAN"] } },
        { "@ag-ui/client": { authoritativeActivityTypes: "PLAN" } },
        { "@ag-ui/client": {} },
        { "@ag-ui/client": 1 },
      ),
    ),
  }),
  activity: fc.record({
    type: of("ACTIVITY_SNAPSHOT"),
    messageId: fc.constantFrom("a1", "a2", "m3"),
    activityType,
    content: document,
    replace: optional(fc.boolean()),
    ...owned,
  }),
  activityDelta: fc.record({
    type: of("ACTIVITY_DELTA"),
    messageId: fc.constantFrom("a1", "a2", "m3"),
    activityType,
    // The content of an activity stays an object.
    patch: fc.array(
      operation.filter((one) => one.path !== ""),
      { maxLength: 3 },
    ),
    ...owned,
  }),
  raw: fc.record({ type: of("RAW"), event: fc.constant({ any: 1 }), ...owned }),
  custom: fc.record({ type: of("CUSTOM"), name: fc.constant("n"), value: fc.constant(null), ...owned }),
  stepStarted: fc.record({ type: of("STEP_STARTED"), stepName, ...owned }),
  stepFinished: fc.record({ type: of("STEP_FINISHED"), stepName, ...owned }),
  reasoningStart: fc.record({ type: of("REASONING_START"), messageId, ...owned }),
  reasoningEnd: fc.record({ type: of("REASONING_END"), messageId, ...owned }),
  thoughtStart: fc.record({
    type: of("REASONING_MESSAGE_START"),
    messageId,
    role: of("reasoning"),
    ...owned,
  }),
  thought: fc.record({ type: of("REASONING_MESSAGE_CONTENT"), messageId, delta, ...owned }),
  thoughtEnd: fc.record({ type: of("REASONING_MESSAGE_END"), messageId, ...owned }),
  encrypted: fc.record({
    type: of("REASONING_ENCRYPTED_VALUE"),
    subtype: fc.constantFrom("message", "tool-call"),
    entityId: messageId,
    encryptedValue: fc.constant("secret"),
    ...owned,
  }),
  subagentStarted: fc.record({
    type: of("SUBAGENT_STARTED"),
    subagentRunId,
    name: fc.constant("helper"),
    parentSubagentRunId: optional(subagentRunId),
  }),
  subagentFinished: fc.record({ type: of("SUBAGENT_FINISHED"), subagentRunId }),
  subagentError: fc.record({ type: of("SUBAGENT_ERROR"), subagentRunId, message: fc.constant("broke") }),
};

const chunks: Record<string, fc.Arbitrary<unknown>> = {
  textChunk: fc.record({
    type: of("TEXT_MESSAGE_CHUNK"),
    messageId: optional(messageId),
    role: fc.option(role, { nil: undefined, freq: 5 }),
    delta: optional(delta),
    rawEvent: optional(fc.constant({ provider: 1 })),
    ...owned,
  }),
  toolChunk: fc.record({
    type: of("TOOL_CALL_CHUNK"),
    toolCallId: optional(toolCallId),
    toolCallName: fc.option(fc.constant("search"), { nil: undefined, freq: 5 }),
    parentMessageId: fc.option(messageId, { nil: undefined, freq: 4 }),
    delta: optional(delta),
    ...owned,
  }),
  thoughtChunk: fc.record({
    type: of("REASONING_MESSAGE_CHUNK"),
    messageId: optional(messageId),
    delta: optional(delta),
    ...owned,
  }),
};

const outcome = fc.oneof(
  fc.constant(undefined),
  fc.constant({ type: "success", pendingToolCallIds: ["c2"] }),
  fc.constant({ type: "cancelled" }),
  fc.constant({ type: "interrupt", interrupts: [{ id: "i1", reason: "approval", subagentRunId: "s1" }] }),
);
const lifecycle: Record<string, fc.Arbitrary<unknown>> = {
  runStarted: fc.record({
    type: of("RUN_STARTED"),
    threadId: of("t1"),
    runId: of("r1"),
    input: optional(
      messages.map((list) => ({ threadId: "t1", runId: "r1", messages: list, tools: [], context: [] })),
    ),
  }),
  runFinished: fc.record({ type: of("RUN_FINISHED"), threadId: of("t1"), runId: of("r1"), outcome }),
  runError: fc.record({ type: of("RUN_ERROR"), message: fc.constant("broke") }),
};

/** An event's optional fields are present or absent, never undefined. */
function compact<T>(object: T): T {
  return Object.fromEntries(Object.entries(object as object).filter(([, field]) => field !== undefined)) as T;
}

const arbitraries = (kinds: Record<string, fc.Arbitrary<unknown>>) => fc.oneof(...Object.values(kinds));

/** Any event, mostly such as come within a run. */
export const anyEvent: fc.Arbitrary<AguiEvent> = fc
  .oneof(
    { weight: 20, arbitrary: arbitraries(content) },
    { weight: 4, arbitrary: arbitraries(chunks) },
    { weight: 1, arbitrary: arbitraries(lifecycle) },
  )
  .map((event) => compact(event) as AguiEvent);

/** Any event but a chunk. */
export const expandedEvent: fc.Arbitrary<AguiEvent> = fc
  .oneof({ weight: 20, arbitrary: arbitraries(content) }, { weight: 1, arbitrary: arbitraries(lifecycle) })
  .map((event) => compact(event) as AguiEvent);

export interface ValidRunOptions {
  /** Whether events also have to agree with what the reducer knows. */
  readonly withHistory?: boolean;
  readonly maxLength?: number;
  /** Changes events before they are checked. */
  readonly prepare?: (event: AguiEvent, index: number) => AguiEvent;
}

/** A run from `RUN_STARTED` on of which every event keeps the rules; nothing is closed at its end. */
export function validRun(
  event: fc.Arbitrary<AguiEvent>,
  { withHistory = false, maxLength = 80, prepare = (one) => one }: ValidRunOptions = {},
): fc.Arbitrary<AguiEvent[]> {
  const started: AguiEvent = { type: "RUN_STARTED", threadId: "t1", runId: "r1" };
  return fc
    .array(event, { maxLength })
    .map((events) => keepRules([started, ...events.map(prepare)], withHistory));
}

/** Leaves out the events that break a rule. */
function keepRules(events: readonly AguiEvent[], withHistory: boolean): AguiEvent[] {
  const history: Reducer = createReducer();
  const options: VerifierOptions = withHistory ? { history } : {};
  let kept: AguiEvent[] = [];
  let verifier = createVerifier(options);
  let expander = createExpander();
  for (const event of events) {
    try {
      const expanded: AguiEvent[] = [];
      expander.push(event, (one) => expanded.push(one));
      for (const one of expanded) {
        verifier.push(one);
        history.push(one);
      }
      kept.push(event);
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      if (!isChunk(event) && !kept.some(isChunk)) continue;
      // What a refused event closed cannot be taken back, so both begin anew.
      verifier = createVerifier(options);
      expander = createExpander();
      const sofar = kept;
      kept = [];
      for (const one of sofar) {
        expander.push(one, (piece) => verifier.push(piece));
        kept.push(one);
      }
    }
  }
  return kept;
}

function isChunk({ type }: AguiEvent): boolean {
  return type.endsWith("_CHUNK");
}
