import { IdleWait } from "@dragoman/engine";

/** What a watch needs of the registry. */
export interface WatchedAgents {
  /** The ids of all agents, in the order of lists. */
  ids(): readonly string[];
  has(agentId: string): boolean;
  /** Takes the watch away. */
  forget(watch: AgentWatch): void;
}

/** What a watch is asked for. */
export interface AgentWatchOptions {
  /** Only this agent; empty for all. */
  readonly agentId: string;
  /** How long a silence may last before {@link AgentWatch.next} answers `idle`. */
  readonly idleMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** An agent that is to be shown as it is by now, one that is gone, all that there were, or a silence. */
export type AgentWatchItem =
  | { readonly agentId: string }
  | { readonly removedAgentId: string }
  | { readonly agentCount: number }
  | "idle";

/**
 * Watches agents: all as they are, then each that changes. It holds ids, each once: who is slow gets an agent as it
 * is by then, and costs no more than the agents there are.
 */
export class AgentWatch {
  readonly #agents: WatchedAgents;
  readonly #options: AgentWatchOptions;
  /** The agents that are to be sent. */
  readonly #pending: Set<string>;
  /** The agents that were sent and are there, as far as the caller knows. */
  readonly #sent = new Set<string>();
  /** How many of the first agents there were; undefined once that was told. */
  #agentCount: number | undefined = 0;
  #first: number;
  #failure: Error | undefined;
  readonly #idle = new IdleWait();

  constructor(agents: WatchedAgents, options: AgentWatchOptions) {
    this.#agents = agents;
    this.#options = options;
    this.#pending = new Set(agents.ids().filter((id) => this.#isOf(id)));
    this.#first = this.#pending.size;
    options.signal.addEventListener("abort", this.#idle.wake);
  }

  /** An agent is other than before. */
  note(agentId: string): void {
    if (!this.#isOf(agentId)) return;
    if (this.#agents.has(agentId) || this.#sent.has(agentId)) this.#pending.add(agentId);
    else this.#pending.delete(agentId);
    this.#idle.wake();
  }

  /** Waits for what is next. Throws the signal's reason when it aborts, and SHUTTING_DOWN. */
  async next(): Promise<AgentWatchItem> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#agentCount !== undefined && this.#first === 0) return this.#caughtUp(this.#agentCount);
      for (const agentId of this.#pending) {
        const item = this.#take(agentId);
        if (item !== undefined) return item;
      }
      if (this.#agentCount !== undefined) return this.#caughtUp(this.#agentCount);
      if (await this.#idle.wait(this.#options.idleMs)) return "idle";
    }
  }

  /** Ends it with an error. */
  fail(error: Error): void {
    this.#failure = error;
    this.#idle.wake();
  }

  /** Releases what it holds. */
  close(): void {
    this.#options.signal.removeEventListener("abort", this.#idle.wake);
    this.#agents.forget(this);
  }

  #caughtUp(agentCount: number): AgentWatchItem {
    this.#agentCount = undefined;
    return { agentCount };
  }

  #take(agentId: string): AgentWatchItem | undefined {
    this.#pending.delete(agentId);
    if (this.#agentCount !== undefined) this.#first -= 1;
    if (this.#agents.has(agentId)) {
      if (this.#agentCount !== undefined && !this.#sent.has(agentId)) this.#agentCount += 1;
      this.#sent.add(agentId);
      return { agentId };
    }
    return this.#sent.delete(agentId) ? { removedAgentId: agentId } : undefined;
  }

  /** Waits for the next change; true if nothing came for a while. */

  #isOf(agentId: string): boolean {
    return this.#options.agentId === "" || this.#options.agentId === agentId;
  }
}
