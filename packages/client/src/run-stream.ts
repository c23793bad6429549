import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import type { CompleteResumeOptions } from "./backoff.ts";
import { explained } from "./error-reason.ts";
import { abortedError } from "./event-stream.ts";
import { ResumingStream } from "./resuming-stream.ts";
import type { StreamPlan } from "./stream-plan.ts";

/** How long a cancel that an abort asked for may take, in milliseconds. */
const cancelTimeoutMs = 10_000;

/** What an abort of a stream means for its run. */
export interface AbortOptions {
  /** Ends the stream: the iterator throws CANCELED, or DEADLINE_EXCEEDED for a time-out. */
  readonly signal?: AbortSignal;
  /**
   * What happens to the run when the signal aborts. "detach": it goes on, as if the connection were lost; see
   * `onDisconnect`. "cancel": it is cancelled first. Default "detach". Leaving the loop always detaches.
   */
  readonly onAbort?: "detach" | "cancel";
}

/** Which run a stream is of. */
export interface RunTarget {
  readonly sessionId: string;
  /** Empty: the active run of the session. */
  readonly runId: string;
}

/** The events of a run, resumed wherever they are cut, with a hand on the run itself. */
export class RunStream extends ResumingStream {
  /** The session of the run: AG-UI's threadId. */
  readonly sessionId: string;
  readonly #runId: string;
  readonly #runs: Client<typeof RunService>;

  constructor(
    target: RunTarget,
    plan: StreamPlan,
    options: CompleteResumeOptions,
    signal: AbortSignal,
    runs: Client<typeof RunService>,
  ) {
    super(plan, options, signal);
    this.sessionId = target.sessionId;
    this.#runId = target.runId;
    this.#runs = runs;
  }

  /** The run. Empty where the caller left it to the server, until its RUN_STARTED has come. */
  get runId(): string {
    return this.#runId === "" ? (this.currentRunId ?? "") : this.#runId;
  }

  /**
   * Asks the server to end the run as cancelled. The stream goes on to its terminal event.
   *
   * @throws {ConnectError} NOT_FOUND if there is no such run, UNIMPLEMENTED if the service has no runs to cancel.
   */
  async cancel(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#runs.cancelRun({ sessionId: this.sessionId, runId: this.runId }, options);
  }
}

/** What `openRunStream` needs of a client. */
export interface RunStreamParts {
  readonly target: RunTarget;
  readonly plan: StreamPlan;
  readonly options: CompleteResumeOptions;
  readonly runs: Client<typeof RunService>;
}

/** Makes the stream, and the abort of its signal into what the caller wants of it. */
export function openRunStream(
  parts: RunStreamParts,
  { signal, onAbort = "detach" }: AbortOptions,
): RunStream {
  const { target, plan, options, runs } = parts;
  if (signal === undefined) return new RunStream(target, plan, options, new AbortController().signal, runs);
  if (onAbort === "detach") return new RunStream(target, plan, options, signal, runs);
  const detach = new AbortController();
  const stream = new RunStream(target, plan, options, detach.signal, runs);
  const cancel = () => void cancelThenDetach(stream, signal, detach);
  if (signal.aborted) {
    detach.abort(signal.reason);
    return stream;
  }
  signal.addEventListener("abort", cancel, { once: true });
  stream.onOver = () => signal.removeEventListener("abort", cancel);
  return stream;
}

async function cancelThenDetach(
  stream: RunStream,
  signal: AbortSignal,
  detach: AbortController,
): Promise<void> {
  if (stream.isOver) return;
  const timeout = AbortSignal.timeout(cancelTimeoutMs);
  let reason: unknown = signal.reason;
  try {
    // Before its first answer the server may not know the run yet.
    await Promise.race([
      stream.started(),
      new Promise((resolve) => timeout.addEventListener("abort", resolve)),
    ]);
    await stream.cancel({ signal: timeout });
  } catch (error) {
    const failure = ConnectError.from(error);
    // A bare host cancels its run when the call is dropped.
    if (failure.code !== Code.Unimplemented) {
      reason = explained(failure, `the run could not be cancelled: ${failure.rawMessage}`);
    }
  }
  detach.abort(reason instanceof ConnectError ? reason : abortedError(signal));
}
