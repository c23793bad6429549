import { ClosedError, type Endpoint } from "./endpoint.ts";

/** How often and how health is asked for. */
export interface HealthCheckOptions {
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  readonly parallelChecksMax: number;
  /** Where the jitter comes from: a number in [0, 1). */
  readonly random: () => number;
}

/** Asks endpoints for their health, again and again. Its timers hold no process. */
export class HealthChecks {
  readonly #options: HealthCheckOptions;
  /** Ends the checks that are being made. */
  readonly #enders = new Set<AbortController>();
  readonly #timers = new Map<Endpoint, NodeJS.Timeout | undefined>();
  readonly #checking = new Map<Endpoint, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #freeSlots: number;
  #isClosed = false;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#freeSlots = options.parallelChecksMax;
  }

  /** Checks an endpoint now, and from now on. */
  start(endpoint: Endpoint): Promise<void> {
    if (!this.#timers.has(endpoint)) this.#timers.set(endpoint, undefined);
    return this.check(endpoint);
  }

  /** Checks an endpoint no more. */
  stop(endpoint: Endpoint): void {
    clearTimeout(this.#timers.get(endpoint));
    this.#timers.delete(endpoint);
  }

  /** Checks an endpoint that was started, unless that is being done. Never rejects. */
  check(endpoint: Endpoint): Promise<void> {
    const running = this.#checking.get(endpoint);
    if (running !== undefined) return running;
    const check = this.#check(endpoint).finally(() => {
      this.#checking.delete(endpoint);
      this.#schedule(endpoint);
    });
    this.#checking.set(endpoint, check);
    return check;
  }

  /** Ends all of it. */
  close(): void {
    this.#isClosed = true;
    for (const ender of this.#enders) ender.abort(new ClosedError("the registry is closed"));
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #check(endpoint: Endpoint): Promise<void> {
    if (this.#freeSlots === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#freeSlots -= 1;
    try {
      if (!this.#isClosed && this.#timers.has(endpoint)) await this.#checkInTime(endpoint);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#freeSlots += 1;
      else next();
    }
  }

  async #checkInTime(endpoint: Endpoint): Promise<void> {
    const ender = new AbortController();
    this.#enders.add(ender);
    const timer = setTimeout(() => ender.abort(), this.#options.healthTimeoutMs).unref();
    try {
      await endpoint.check(ender.signal);
    } finally {
      clearTimeout(timer);
      this.#enders.delete(ender);
    }
  }

  #schedule(endpoint: Endpoint): void {
    if (this.#isClosed || !this.#timers.has(endpoint)) return;
    clearTimeout(this.#timers.get(endpoint));
    const { healthIntervalMs, random } = this.#options;
    const delayMs = healthIntervalMs * (0.8 + 0.4 * random());
    this.#timers.set(endpoint, setTimeout(() => void this.check(endpoint), delayMs).unref());
  }
}
