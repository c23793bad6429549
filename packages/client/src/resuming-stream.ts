import { Code, ConnectError } from "@connectrpc/connect";
import { backoffDelayMs, type CompleteResumeOptions, sleep } from "./backoff.ts";
import { closeGently } from "./close-gently.ts";
import { retryDelayMsOf } from "./error-reason.ts";
import { abortedError, type EventStream } from "./event-stream.ts";
import { finalError, type ServiceKind } from "./final-error.ts";
import { type SilenceWatch, watchSilence } from "./silence-watch.ts";
import type { ClientEvent, EventItem } from "./stream-item.ts";
import type { Cursor, StreamPlan } from "./stream-plan.ts";
import { truncated } from "./wire-protocol.ts";

/** The longest prelude that is held, in events. A longer one is an error. */
const maxPreludeEvents = 100_000;

/**
 * A stream of events that survives whatever cuts its connection: it attaches again after the last event that
 * arrived, delivers none twice and leaves none out, and fails rather than do either.
 */
export class ResumingStream implements AsyncIterableIterator<ClientEvent, undefined> {
  /** Called once, when nothing more is delivered. */
  onOver: (() => void) | undefined;
  readonly #plan: StreamPlan;
  readonly #options: CompleteResumeOptions;
  readonly #signal: AbortSignal;
  #stream: EventStream | undefined;
  #prelude: EventItem[] = [];
  #ready: EventItem[] = [];
  /** Where everything was delivered up to; undefined before the first event. */
  #lastSequence: number | undefined;
  #logId: string;
  #runId: string | undefined;
  #isCaughtUp: boolean;
  /** Whether the service has answered at all, and then whether it keeps a log. */
  #service: ServiceKind = "unknown";
  #attempts = 0;
  #attachedAt = 0;
  /** When something new came last, as far as anybody looked at the clock: see `#progress`. */
  #progressAt = performance.now();
  #hasProgressed = false;
  #watch: SilenceWatch | undefined;
  /** What `take` came upon and could not throw. */
  #failure: { readonly error: unknown } | undefined;
  #isWaiting = false;
  #isOver = false;
  #pending: Promise<unknown> = Promise.resolve();

  constructor(plan: StreamPlan, options: CompleteResumeOptions, signal: AbortSignal) {
    this.#plan = plan;
    this.#options = options;
    this.#signal = signal;
    this.#lastSequence = plan.cursor?.afterSequence;
    this.#logId = plan.cursor?.logId ?? "";
    this.#isCaughtUp = !plan.hasPrelude;
  }

  /** The log that the events are of. Empty before the first event, and where the service keeps none. */
  get logId(): string {
    return this.#logId === "" ? (this.#stream?.logId ?? "") : this.#logId;
  }

  /** The last sequence that was delivered; undefined if none was. */
  get lastSequence(): number | undefined {
    return this.#lastSequence;
  }

  /** The run that the last RUN_STARTED named. */
  get currentRunId(): string | undefined {
    return this.#runId;
  }

  /** Whether nothing more is delivered. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Settles when the server has answered, or the stream is over. */
  async started(): Promise<void> {
    if (this.#service === "unknown") await this.#stream?.wait();
  }

  /** The next event, if it is here already: for who reads what has arrived without a promise for each event. */
  take(): ClientEvent | undefined {
    if (this.#stream === undefined || this.#isWaiting || this.#isOver || this.#signal.aborted)
      return undefined;
    try {
      return this.#poll(this.#stream);
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  next(): Promise<IteratorResult<ClientEvent, undefined>> {
    const value = this.take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return this.#queue(() => this.#advance());
  }

  return(): Promise<IteratorResult<ClientEvent, undefined>> {
    this.#setOver();
    this.#dropStream();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One after the other, for who asks again before the answer. */
  #queue<T>(step: () => Promise<T>): Promise<T> {
    this.#isWaiting = true;
    const result = this.#pending.then(step).finally(() => {
      if (this.#pending === settled) this.#isWaiting = false;
    });
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#pending = settled;
    return result;
  }

  async #advance(): Promise<IteratorResult<ClientEvent, undefined>> {
    while (!this.#isOver) {
      try {
        if (this.#signal.aborted) throw abortedError(this.#signal);
        this.#throwFailure();
        const stream = this.#stream ?? this.#attach();
        const value = this.#poll(stream);
        if (value !== undefined) return { done: false, value };
        this.#noteProgress();
        if (!this.#isOver && stream.isDone) this.#ended();
        else if (!this.#isOver) await stream.wait();
      } catch (error) {
        await this.#recover(error);
      }
    }
    return { done: true, value: undefined };
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  /** The next event that is here, if any. */
  #poll(stream: EventStream): EventItem | undefined {
    const waiting = this.#ready.shift();
    if (waiting !== undefined) return this.#deliver(waiting);
    for (let item = stream.take(); item !== undefined; item = stream.take()) {
      if (this.#service === "unknown") this.#service = stream.logId === "" ? "bare" : "logged";
      switch (item.kind) {
        case "event":
          if (item.sequence === undefined) {
            if (this.#isCaughtUp) return this.#deliver(item);
            this.#holdPrelude(item);
          } else if (this.#advanceTo(item.sequence, stream)) {
            return this.#deliver(item);
          }
          break;
        case "caughtUp":
          return this.#catchUp(item.sequence, stream);
        case "heartbeat":
          if (performance.now() - this.#attachedAt > this.#options.maxDelayMs) this.#hasProgressed = true;
          break;
        case "unknown":
          if (item.sequence !== undefined) this.#advanceTo(item.sequence, stream);
      }
    }
    return undefined;
  }

  /** Moves the cursor; false if the event was delivered before. */
  #advanceTo(sequence: number, stream: EventStream): boolean {
    const last = this.#lastSequence;
    if (last !== undefined) {
      if (sequence <= last) return false;
      if (sequence !== last + 1) {
        throw new ConnectError(`event ${sequence} came after ${last}: events are missing`, Code.DataLoss);
      }
    }
    this.#moveTo(sequence, stream);
    return true;
  }

  #moveTo(sequence: number, stream: EventStream): void {
    if (stream.logId !== this.#logId) this.#learnLog(stream.logId);
    this.#lastSequence = sequence;
    this.#hasProgressed = true;
  }

  #learnLog(logId: string): void {
    if (logId === "") return;
    if (this.#logId !== "")
      throw new ConnectError(`the log is ${logId} and was ${this.#logId}`, Code.DataLoss);
    this.#logId = logId;
  }

  #holdPrelude(item: EventItem): void {
    if (this.#prelude.length >= maxPreludeEvents) {
      throw new ConnectError(`the prelude has more than ${maxPreludeEvents} events`, Code.ResourceExhausted);
    }
    this.#prelude.push(item);
  }

  #catchUp(sequence: number, stream: EventStream): EventItem | undefined {
    this.#isCaughtUp = true;
    this.#moveTo(sequence, stream);
    this.#ready = this.#prelude;
    this.#prelude = [];
    return this.#poll(stream);
  }

  #deliver(item: EventItem): EventItem {
    const { event } = item;
    if (event.type === "RUN_STARTED") this.#runId = event.runId;
    else if (this.#plan.isRun && (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR"))
      this.#finish();
    return item;
  }

  /** Takes note of what is new. Not for each event: the clock is looked at only where somebody waits anyway. */
  #noteProgress(): void {
    if (!this.#hasProgressed) return;
    this.#hasProgressed = false;
    this.#attempts = 0;
    this.#progressAt = performance.now();
  }

  /** Where to attach again; undefined while nothing was delivered, or a prelude only in part. */
  #cursor(): Cursor | undefined {
    if (this.#lastSequence === undefined || !this.#isCaughtUp) return undefined;
    return { afterSequence: this.#lastSequence, logId: this.#logId };
  }

  #attach(): EventStream {
    this.#prelude = [];
    this.#attachedAt = performance.now();
    this.#stream = this.#plan.open(this.#cursor(), this.#signal, this.#runId);
    this.#watch = watchSilence(this.#stream, this.#options.heartbeatTimeoutMs, () => this.#isWaiting);
    return this.#stream;
  }

  /** The stream ended with OK and everything was taken. */
  #ended(): void {
    if (this.#watch?.isSilent) {
      const { heartbeatTimeoutMs } = this.#options;
      throw new ConnectError(
        `nothing came for ${heartbeatTimeoutMs} ms, not even a heartbeat`,
        Code.Unavailable,
      );
    }
    const hadAll =
      this.#lastSequence !== undefined && this.#lastSequence === this.#plan.cursor?.afterSequence;
    if (this.#plan.isRun && !hadAll) throw truncated("the run has no terminal event yet");
    this.#finish();
  }

  /** Waits until the next attempt is due, or throws because there is none. */
  async #recover(reason: unknown): Promise<void> {
    const error = ConnectError.from(reason);
    this.#dropStream();
    this.#noteProgress();
    if (this.#isOver) return;
    const attempt = this.#attempts + 1;
    const quietMs = performance.now() - this.#progressAt;
    const final = this.#signal.aborted
      ? abortedError(this.#signal)
      : finalError({ error, attempt, quietMs, service: this.#service }, this.#options);
    if (final !== undefined) {
      this.#finish();
      throw final;
    }
    this.#attempts = attempt;
    const delayMs = Math.max(backoffDelayMs(attempt, this.#options), retryDelayMsOf(error));
    this.#options.onResume({ attempt, delayMs, afterSequence: this.lastSequence, error });
    await sleep(delayMs, this.#signal);
  }

  #dropStream(): void {
    this.#watch?.stop();
    this.#stream?.close();
    this.#stream = undefined;
  }

  #setOver(): void {
    this.#isOver = true;
    const { onOver } = this;
    this.onOver = undefined;
    onOver?.();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#setOver();
    const stream = this.#stream;
    this.#watch?.stop();
    if (stream !== undefined) void closeGently(stream);
  }
}
