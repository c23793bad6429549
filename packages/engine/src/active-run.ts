import type { RunInfo } from "./entries.ts";
import type { RunPort } from "./run-port.ts";

/** What a run does when nobody who started or joined it is connected any more. */
export interface DisconnectPolicy {
  readonly action: "continue" | "cancel";
  /** How long `cancel` waits for somebody to attach again. */
  readonly graceMs: number;
}

/** A run that was accepted by this process and has not ended. */
export class ActiveRun {
  /** The run as it stands. */
  info: RunInfo;
  /** Aborts when the run is cancelled, when it ended, and when the engine closes. */
  readonly controller = new AbortController();
  /** Resolves when its first event is durable, or when it failed to begin. */
  readonly begun: Promise<void>;
  /** Resolves with the run when its terminal event is durable. */
  readonly ended: Promise<RunInfo>;
  /** What was handed to its agent in the promise of an answer, by id: left over, it is for a further run. */
  readonly promised = new Set<string>();
  /** Set while an agent works on it: ends it as cancelled. */
  stop: ((outcome: "cancelled" | "shutdown") => void) | undefined;
  /** Whether its end is being written: nothing may be written about it after that. */
  isEnding = false;
  readonly #policy: DisconnectPolicy;
  readonly #onAbandoned: () => void;
  #resolveEnded: (info: RunInfo) => void = () => {};
  #resolveBegun: () => void = () => {};
  #isEnded = false;
  #attached = 0;
  #onDetached: () => void = () => {};
  #port: RunPort | undefined;
  #onPort: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(info: RunInfo, policy: DisconnectPolicy, onAbandoned: () => void) {
    this.info = info;
    this.#policy = policy;
    this.#onAbandoned = onAbandoned;
    this.begun = new Promise((resolve) => {
      this.#resolveBegun = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What others may do to it; undefined before its agent is called and once it ends. */
  get port(): RunPort | undefined {
    return this.#port;
  }

  set port(port: RunPort | undefined) {
    this.#port = port;
    this.#wakePort();
  }

  /** Resolves when the port comes or goes, or the run ended. */
  portChanged(): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => this.#onPort.push(resolve));
  }

  #wakePort(): void {
    const waiting = this.#onPort;
    this.#onPort = [];
    for (const wake of waiting) wake();
  }

  /** How many connections started, joined or observe it. */
  get attached(): number {
    return this.#attached;
  }

  attach(): void {
    this.#attached++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  detach(): void {
    this.#attached--;
    if (this.#attached === 0) this.#onDetached();
    if (this.#attached > 0 || this.#isEnded || this.#policy.action === "continue") return;
    this.#timer = setTimeout(() => {
      if (this.#attached === 0 && !this.#isEnded) this.#onAbandoned();
    }, this.#policy.graceMs);
    this.#timer.unref?.();
  }

  /**
   * Waits for a short time until nobody is attached; returns whether that is so. Who closes a connection and
   * starts a run at once must not be refused because the close is noticed later than the start.
   */
  async isAbandoned(graceMs: number): Promise<boolean> {
    if (this.#attached > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#onDetached = resolve;
        timer = setTimeout(resolve, graceMs);
      });
      clearTimeout(timer);
    }
    return this.#attached === 0;
  }

  /** Its first events are durable. */
  begin(): void {
    this.#resolveBegun();
  }

  /** Its terminal event is durable, or it never began. */
  end(info: RunInfo): void {
    this.info = info;
    this.#isEnded = true;
    this.port = undefined;
    clearTimeout(this.#timer);
    this.controller.abort(new Error("the run has ended"));
    this.#resolveBegun();
    this.#resolveEnded(info);
  }
}
