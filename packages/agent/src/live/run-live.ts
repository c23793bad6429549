import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AguiEvent, eventFromMessage, inputToMessage, type RunAgentInput } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import type { LiveSessionResponse } from "@dragoman/contract/agent/v1/live_service_pb";
import { type Event, EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import type { EncodedEvent } from "../agent.ts";
import { hopsHeaders } from "../hops.ts";
import type { HandedInputs } from "../live-inputs.ts";
import { watchSilence } from "../silence.ts";
import { Outbox } from "./outbox.ts";

/** A run of a remote agent that is talked to while it works. */
export interface LiveRun {
  readonly client: Pick<AgentClient, "live">;
  readonly agentId: string;
  readonly input: RunAgentInput;
  readonly inputs: HandedInputs;
  /** Ends the run as cancelled. */
  readonly signal: AbortSignal;
  /** How many servers it came through to be here. */
  readonly hops: number | undefined;
  /** A stream on which nothing comes for so long is lost, in milliseconds. */
  readonly heartbeatTimeoutMs: number;
  /** Whether the host keeps a log: then what was said here is among its events, and not told again. */
  readonly isResumable: boolean;
  /** Told of the place of each event. */
  readonly onPlace: (sequence: number, logId: string) => void;
}

/** How long a host may take to end a run that was cancelled, in milliseconds. */
const cancelTimeoutMs = 5_000;

/** Runs a remote agent over LiveService. Throws what the call fails with. */
export async function* runLive(run: LiveRun): AsyncGenerator<EncodedEvent, void> {
  const { client, agentId, input, signal } = run;
  const call = new AbortController();
  const silence = watchSilence(run.heartbeatTimeoutMs, call.signal, () => lost(run.heartbeatTimeoutMs));
  const outbox = new Outbox(run.inputs);
  const start = { case: "start", value: { agentId, input: inputToMessage(input) } } as const;
  const requests = outbox.requests({ input: start });
  const options = { signal: silence.signal, headers: hopsHeaders(run.hops) };
  const responses = client.live.liveSession(requests, options)[Symbol.asyncIterator]();
  const cancel = () => leave(outbox, call);
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  let isEnded = false;
  let logId = "";
  try {
    while (!isEnded) {
      const { done, value } = await silence.wait(responses.next());
      if (done) return;
      logId ||= value.logId;
      if (value.item.case === "taken") outbox.taken(Number(value.item.value.requestNumber));
      const encoded = eventOf(value);
      if (encoded === undefined) continue;
      if (value.sequence !== undefined) run.onPlace(Number(value.sequence), logId);
      isEnded = isTerminal(encoded.event);
      if (!(run.isResumable && isEcho(encoded.event, outbox))) yield encoded;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    if (!isEnded) cancel();
    outbox.end();
    void drain(responses, call).finally(() => silence.end());
  }
}

/** The event of an item; undefined if it is none, or one of a kind that nobody here knows. */
function eventOf({ item }: LiveSessionResponse): EncodedEvent | undefined {
  if (item.case !== "event" || item.value.event.case === undefined) return undefined;
  return { event: eventFromMessage(item.value), bytes: bytesOf(item.value) };
}

function bytesOf(event: Event): Uint8Array {
  return toBinary(EventSchema, event);
}

function isTerminal({ type }: AguiEvent): boolean {
  return type === "RUN_FINISHED" || type === "RUN_ERROR";
}

/** Whether an event only repeats what was said here. */
function isEcho(event: AguiEvent, outbox: Outbox): boolean {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_END":
      return outbox.hasSaid(event.messageId);
    case "TOOL_CALL_RESULT":
      return outbox.hasSaid(event.toolCallId);
    default:
      return false;
  }
}

/** Asks the host to end the run, and does not wait for it too long. */
function leave(outbox: Outbox, call: AbortController): void {
  outbox.cancel();
  setTimeout(() => call.abort(new Error("the run was left")), cancelTimeoutMs).unref();
}

/** Reads what is left of a stream, so that it ends in order; for a while. */
async function drain(responses: AsyncIterator<unknown>, call: AbortController): Promise<void> {
  const timer = setTimeout(() => call.abort(new Error("the run has ended")), cancelTimeoutMs);
  timer.unref();
  try {
    while (!(await responses.next()).done);
  } catch {
    // It has ended, one way or another.
  } finally {
    clearTimeout(timer);
  }
}

function lost(timeoutMs: number): ConnectError {
  return new ConnectError(`nothing came for ${timeoutMs} ms, not even a heartbeat`, Code.Unavailable);
}
