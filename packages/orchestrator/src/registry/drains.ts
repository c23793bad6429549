import type { Catalog, LogKey } from "@dragoman/event-log";
import type { AgentPool } from "./agent-pool.ts";
import type { Endpoint } from "./endpoint.ts";

/** How what is taken away ends. */
export interface DrainOptions {
  /** How long its runs may go on, in milliseconds; undefined: as long as they take. */
  readonly graceMs: number | undefined;
  /** Ends a run as cancelled. */
  readonly cancelRun: (key: LogKey, runId: string) => Promise<unknown>;
}

interface DrainsOptions {
  readonly catalog: Catalog;
  readonly onError: (error: unknown) => void;
}

const runsPerPage = 1_000;

/** Cancels the runs of what drains when its grace is over. */
export class Drains {
  readonly #options: DrainsOptions;
  readonly #timers = new Map<AgentPool, Map<Endpoint, NodeJS.Timeout>>();

  constructor(options: DrainsOptions) {
    this.#options = options;
  }

  /** Sets the grace of endpoints, in place of one that they have. */
  begin(pool: AgentPool, endpoints: readonly Endpoint[], { graceMs, cancelRun }: DrainOptions): void {
    const timers = this.#timers.get(pool) ?? new Map<Endpoint, NodeJS.Timeout>();
    this.#timers.set(pool, timers);
    for (const endpoint of endpoints) {
      clearTimeout(timers.get(endpoint));
      timers.delete(endpoint);
      if (graceMs === undefined || endpoint.leases.size === 0) continue;
      const cancel = () => {
        timers.delete(endpoint);
        this.#cancel(pool.agentId, endpoint, cancelRun).catch(this.#options.onError);
      };
      timers.set(endpoint, setTimeout(cancel, graceMs).unref());
    }
  }

  /** The agent stays, or is gone. */
  end(pool: AgentPool): void {
    for (const timer of this.#timers.get(pool)?.values() ?? []) clearTimeout(timer);
    this.#timers.delete(pool);
  }

  close(): void {
    for (const pool of this.#timers.keys()) this.end(pool);
  }

  /** An endpoint knows sessions and runs, and the catalog whose they are. */
  async #cancel(agentId: string, { leases }: Endpoint, cancelRun: DrainOptions["cancelRun"]): Promise<void> {
    const query = { kind: "run", label: agentId, states: ["running"], limit: runsPerPage };
    const { catalog } = this.#options;
    for (let page = await catalog.list(query); page.length > 0; ) {
      const mine = page.filter(({ parent, id }) =>
        [...leases].some(({ sessionId, runId }) => sessionId === parent && runId === id),
      );
      await Promise.all(mine.map(({ namespace, parent, id }) => cancelRun({ namespace, id: parent }, id)));
      const last = page[page.length - 1];
      page = last ? await catalog.list({ ...query, after: last }) : [];
    }
  }
}
