import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";

/** Counts the runs of a host, over all its services. */
export class RunSlots {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many runs there are. */
  get taken(): number {
    return this.#taken;
  }

  /** Holds a slot while the items of a run are read. Throws LIMIT_REACHED if there is none. */
  async *hold<T>(items: () => AsyncIterable<T>): AsyncGenerator<T> {
    if (this.#taken >= this.#max) throw tooManyRuns(this.#max);
    this.#taken += 1;
    try {
      yield* items();
    } finally {
      this.#taken -= 1;
    }
  }
}

function tooManyRuns(limit: number) {
  return reasonError(
    Code.ResourceExhausted,
    "LIMIT_REACHED",
    `This host runs ${limit} agents at a time (maxActiveRuns). Try again later.`,
    { metadata: { limit: "maxActiveRuns", value: limit } },
  );
}
