/** How often a change of a count is told, in milliseconds. */
const intervalMs = 250;

/** Tells of agents whose runs come and go, but not of every single one. Its timer holds no process. */
export class CountNotices {
  readonly #notify: (agentId: string) => void;
  readonly #noted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(notify: (agentId: string) => void) {
    this.#notify = notify;
  }

  /** The count of an agent has changed. */
  note(agentId: string): void {
    this.#noted.add(agentId);
    this.#timer ??= setTimeout(() => this.#tell(), intervalMs).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #tell(): void {
    this.#timer = undefined;
    const noted = [...this.#noted];
    this.#noted.clear();
    for (const agentId of noted) this.#notify(agentId);
  }
}
