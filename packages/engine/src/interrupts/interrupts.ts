import type { LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { InterruptWatch, type InterruptWatchOptions } from "./interrupt-watch.ts";
import { type Resolved, type ResolveRequest, resolveInterrupt } from "./resolve.ts";

/** The questions of agents, over all sessions. */
export class Interrupts {
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /** Answers an interrupt; see {@link resolveInterrupt}. */
  resolve(key: LogKey, request: ResolveRequest): Promise<Resolved> {
    return resolveInterrupt(this.#core, key, request);
  }

  /** Shows what waits, then what changes. Close it. */
  watch(options: InterruptWatchOptions): InterruptWatch {
    return new InterruptWatch(this.#core, options);
  }
}
