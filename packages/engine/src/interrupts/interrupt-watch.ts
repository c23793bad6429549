import type { EngineCore } from "../core.ts";
import { type InterruptInfo, readEntry } from "../entries.ts";
import { limitReached } from "../errors.ts";
import { IdleWait } from "../idle-wait.ts";
import { expireTimeOf, isExpired } from "./check-answer.ts";
import { Deadlines } from "./deadlines.ts";
import { getInterrupt, listAll } from "./find.ts";

/** Which interrupts to show; an empty or absent field means all. */
export interface InterruptFilter {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly runId?: string;
  readonly reason?: string;
}

export interface InterruptWatchOptions {
  readonly namespace: string;
  readonly filter: InterruptFilter;
  /** How long a silence may last before {@link InterruptWatch.next} answers `idle`. */
  readonly idleMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * An interrupt that waits or that changed; that all that waited was shown, and how many; a silence; or that
 * somebody called {@link InterruptWatch.wake}.
 */
export type InterruptWatchResult =
  | { readonly interrupt: InterruptInfo; readonly isExpired: boolean }
  | { readonly caughtUp: number }
  | "idle"
  | "woken";

interface Key {
  readonly sessionId: string;
  readonly runId: string;
  readonly interruptId: string;
}

/** How many interrupts are remembered as shown, so that one that is listed while it changes is shown once. */
const shownMax = 1_000;
/** How many deadlines are held at once. */
const deadlinesMax = 1_000;
/** How many interrupts are held while they are listed. */
const pageSize = 100;
/** What a timer of Node can wait at most. */
const longestTimerMs = 2_147_483_647;

/**
 * Watches the interrupts of many sessions: what waits, newest first, then each change, also that one expires.
 *
 * It holds no interrupts, only the keys of those that changed and were not read yet: who is slow gets an
 * interrupt as it is by then.
 */
export class InterruptWatch {
  readonly #core: EngineCore;
  readonly #options: InterruptWatchOptions;
  readonly #unsubscribe: () => void;
  /** What is being listed: all that waits, or later what is overdue. */
  #listing: AsyncGenerator<InterruptInfo> | undefined;
  readonly #changed = new Map<string, Key>();
  readonly #shown = new Map<string, string>();
  readonly #deadlines = new Deadlines(deadlinesMax);
  #isCaughtUp = false;
  #count = 0;
  #overflow = false;
  #isWoken = false;
  readonly #idle = new IdleWait();

  constructor(core: EngineCore, options: InterruptWatchOptions) {
    this.#core = core;
    this.#options = options;
    // Changes are taken from now on, and what waits is listed later: nothing is missed between the two.
    this.#unsubscribe = core.hub.subscribe({ onInterrupt: (info) => this.#take(info) });
    this.#listing = this.#list();
    options.signal.addEventListener("abort", this.#idle.wake);
  }

  /** Waits for what comes next. Throws the signal's reason when it aborts, LIMIT_REACHED if read too slowly. */
  async next(): Promise<InterruptWatchResult> {
    const idleAt = performance.now() + this.#options.idleMs;
    for (;;) {
      this.#options.signal.throwIfAborted();
      if (this.#overflow) throw tooSlow(this.#core.limits.watchedInterruptsMax);
      if (this.#isWoken) {
        this.#isWoken = false;
        return "woken";
      }
      const result = (await this.#nextListed()) ?? (await this.#nextChanged());
      if (result) return result;
      if (!this.#isCaughtUp) {
        this.#isCaughtUp = true;
        return { caughtUp: this.#count };
      }
      const { missingFrom } = this.#deadlines;
      if (missingFrom !== undefined) this.#listing = this.#overdue(missingFrom);
      else if (await this.#wait(idleAt)) return "idle";
    }
  }

  /** Makes {@link next} return soon. */
  wake(): void {
    this.#isWoken = true;
    this.#idle.wake();
  }

  /** Releases what it holds. */
  close(): void {
    this.#unsubscribe();
    this.#options.signal.removeEventListener("abort", this.#idle.wake);
    this.#changed.clear();
    this.#idle.wake();
  }

  #take(info: InterruptInfo): void {
    if (!this.#matches(info)) return;
    const { sessionId, runId, interrupt } = info;
    const key = { sessionId, runId, interruptId: interrupt.id };
    if (info.state === "decided") this.#deadlines.remove(idOf(key));
    this.#addChanged(key);
  }

  #addChanged(key: Key): void {
    this.#changed.set(idOf(key), key);
    if (this.#changed.size > this.#core.limits.watchedInterruptsMax) {
      this.#overflow = true;
      this.#changed.clear();
    }
    this.#idle.wake();
  }

  #matches(info: InterruptInfo): boolean {
    const { namespace, filter } = this.#options;
    const { sessionId, agentId, runId, reason } = filter;
    return (
      info.namespace === namespace &&
      (!sessionId || info.sessionId === sessionId) &&
      (!agentId || info.agentId === agentId) &&
      (!runId || info.runId === runId) &&
      (!reason || info.interrupt.reason === reason)
    );
  }

  async *#list(): AsyncGenerator<InterruptInfo> {
    const { namespace, filter } = this.#options;
    const of = filter.sessionId ? { parent: filter.sessionId } : {};
    const query = { kind: "interrupt", namespace, states: ["open"], ...of };
    for await (const entry of listAll(this.#core.store.catalog, query, pageSize)) {
      const info = readEntry<InterruptInfo>(entry);
      if (this.#matches(info)) yield info;
    }
  }

  async #nextListed(): Promise<InterruptWatchResult | undefined> {
    while (this.#listing) {
      const { value: info, done } = await this.#listing.next();
      if (done) {
        this.#listing = undefined;
        return undefined;
      }
      // One that changed since is shown as it is now, after the list.
      if (this.#changed.has(idOf(keyOf(info)))) continue;
      const result = this.#show(info);
      if (result) return result;
    }
    return undefined;
  }

  async #nextChanged(): Promise<InterruptWatchResult | undefined> {
    const now = this.#core.now();
    for (const id of this.#deadlines.take(now)) this.#addChanged(JSON.parse(id) as Key);
    for (const [id, { sessionId, runId, interruptId }] of this.#changed) {
      this.#changed.delete(id);
      const { namespace } = this.#options;
      const key = { namespace, id: sessionId };
      const info = await getInterrupt(this.#core.store.catalog, key, runId, interruptId);
      const result = info && this.#show(info);
      if (result) return result;
    }
    return undefined;
  }

  /** What is shown of an interrupt; undefined if just that was shown already. */
  #show(info: InterruptInfo): InterruptWatchResult | undefined {
    const id = idOf(keyOf(info));
    const isOver = info.state === "open" && isExpired(info.interrupt, this.#core.now());
    const version = JSON.stringify([info.state, info.resumedRunId ?? "", isOver]);
    if (this.#shown.get(id) === version) return undefined;
    this.#shown.delete(id);
    this.#shown.set(id, version);
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > shownMax && oldest !== undefined) this.#shown.delete(oldest);
    if (info.state === "open" && !isOver) this.#expect(info);
    if (info.state === "open") this.#count++;
    return { interrupt: info, isExpired: isOver };
  }

  #expect(info: InterruptInfo): void {
    const time = expireTimeOf(info.interrupt);
    if (time !== undefined) this.#deadlines.add(idOf(keyOf(info)), time);
  }

  /** There were more deadlines than are held: lists those that have passed since, and holds the next ones. */
  async *#overdue(since: number): AsyncGenerator<InterruptInfo> {
    this.#deadlines.clear();
    const now = this.#core.now();
    for await (const info of this.#list()) {
      const time = expireTimeOf(info.interrupt);
      if (time === undefined) continue;
      if (time > now) this.#expect(info);
      else if (time >= since) yield info;
    }
  }

  /** Waits for a change or a deadline; true if neither came for a while. */
  async #wait(idleAt: number): Promise<boolean> {
    if (this.#changed.size > 0 || this.#overflow || this.#isWoken || this.#options.signal.aborted)
      return false;
    const idleMs = Math.max(0, idleAt - performance.now());
    const { next } = this.#deadlines;
    const expiresMs = next === undefined ? Number.POSITIVE_INFINITY : Math.max(0, next - this.#core.now());
    const isOver = await this.#idle.wait(Math.min(idleMs, expiresMs, longestTimerMs));
    return isOver && idleMs <= expiresMs;
  }
}

function keyOf({ sessionId, runId, interrupt }: InterruptInfo): Key {
  return { sessionId, runId, interruptId: interrupt.id };
}

function idOf({ sessionId, runId, interruptId }: Key): string {
  return JSON.stringify({ sessionId, runId, interruptId });
}

function tooSlow(max: number) {
  return limitReached(
    "watchedInterruptsMax",
    max,
    "more interrupts changed than wait to be read: watch again, what waits comes first",
  );
}
