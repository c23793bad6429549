import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { inputToMessage, type RunAgentInput } from "@dragoman/agui";
import { type RunAgentRequest, RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  History,
  IfActive,
  OnDisconnect,
  OnOpenInterrupts,
} from "@dragoman/contract/agent/v1/run_options_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";

/** What a run begins with. Ids that are absent are made. */
export type RunInput = Omit<RunAgentInput, "threadId" | "runId" | "messages"> &
  Partial<Pick<RunAgentInput, "threadId" | "runId" | "messages">>;

/** How a run is started; each option is explained at its field of `agent.v1.RunAgentRequest`. */
export interface StartOptions {
  /** Which agent runs. Default the service's default agent. */
  readonly agentId?: string;
  /** What to do when the thread has an active run. Default: reject while somebody reads it, else cancel it. */
  readonly ifActive?: "reject" | "queue" | "cancel";
  /** What the run does when its last reader is gone. Default as the server is configured. */
  readonly onDisconnect?: "continue" | "cancel";
  /** How long `onDisconnect: "cancel"` waits, in milliseconds, 0 to an hour. Default 10,000. */
  readonly onDisconnectGraceMs?: number;
  /** How the messages meet the history. Default: unknown ones are appended, as AG-UI's HTTP clients expect. */
  readonly history?: "append" | "replace";
  /** The sequence up to which the caller knows the thread, to be told of changes by others. */
  readonly baseSequence?: number;
  /** The revision that the state of the input was read at, to be told of changes by others. */
  readonly ifStateRevision?: number;
  /** What to do with open interrupts that the input does not answer. Default: the run ends with them again. */
  readonly onOpenInterrupts?: "cancel";
}

/** What a reader gets first: the events after its cursor, a prelude that stands for them, or all of them. */
export type AttachModeName = "tail" | "snapshot" | "beginning";

const ifActive = {
  reject: IfActive.REJECT,
  queue: IfActive.QUEUE,
  cancel: IfActive.CANCEL,
};
const onDisconnect = {
  continue: OnDisconnect.CONTINUE,
  cancel: OnDisconnect.CANCEL,
};
const history = {
  append: History.APPEND,
  replace: History.REPLACE,
};
const attachModes = {
  tail: AttachMode.TAIL,
  snapshot: AttachMode.SNAPSHOT,
  beginning: AttachMode.BEGINNING,
};

/** The mode as the contract numbers it; what is absent is left to the server. */
export function attachMode(name: AttachModeName | undefined): AttachMode {
  return name === undefined ? AttachMode.UNSPECIFIED : attachModes[name];
}

/** The input with everything that it has to have. */
export function completeInput(input: RunInput): RunAgentInput {
  return {
    ...input,
    threadId: input.threadId ?? createId(),
    runId: input.runId ?? createId(),
    messages: input.messages ?? [],
  };
}

/** The request that starts a run. */
export function startRequest(input: RunAgentInput, options: StartOptions): RunAgentRequest {
  const { onDisconnectGraceMs, baseSequence, ifStateRevision } = options;
  return create(RunAgentRequestSchema, {
    input: inputToMessage(input),
    agentId: options.agentId ?? "",
    ...(options.ifActive && { ifActive: ifActive[options.ifActive] }),
    ...(options.onDisconnect && { onDisconnect: onDisconnect[options.onDisconnect] }),
    ...(onDisconnectGraceMs !== undefined && { onDisconnectGrace: durationFromMs(onDisconnectGraceMs) }),
    ...(options.history && { history: history[options.history] }),
    ...(baseSequence !== undefined && { baseSequence: BigInt(baseSequence) }),
    ...(ifStateRevision !== undefined && { ifStateRevision: BigInt(ifStateRevision) }),
    ...(options.onOpenInterrupts && { onOpenInterrupts: OnOpenInterrupts.CANCEL }),
  });
}

/** A random UUID. `crypto.randomUUID` is missing on pages that are not served securely; this is not. */
function createId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
