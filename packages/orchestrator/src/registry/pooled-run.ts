import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentOutput, AgentUnavailableError, type RunContext } from "@dragoman/agent";
import type { RunAgentInput } from "@dragoman/agui";
import type { Endpoint, Lease } from "./endpoint.ts";

/** How often a run is tried in all. */
const attemptsMax = 2;

/** What a run needs of the agent that it is of. */
export interface RunPool {
  /** Picks an endpoint that was not tried; undefined if there is none. */
  pick(tried: readonly Endpoint[]): Endpoint | undefined;
  /** Why there is none for a run that begins. */
  unavailable(): AgentUnavailableError;
  /** A run lost its endpoint in the middle. */
  noteLost(endpoint: Endpoint): void;
}

/**
 * The events of one run, from the endpoint that was picked for it. Where that cannot be reached it is tried at
 * another one, once, and only if nothing has come: a run that has begun is never begun again.
 *
 * No generator: a `return` has to count at once, also while an event is being waited for.
 */
export class PooledRun implements AsyncIterator<AgentOutput, undefined> {
  readonly #pool: RunPool;
  readonly #input: RunAgentInput;
  readonly #context: RunContext;
  readonly #lease: Lease;
  readonly #tried: Endpoint[] = [];
  readonly #release = () => this.#endpoint?.release(this.#lease);
  #endpoint: Endpoint | undefined;
  #events: AsyncIterator<AgentOutput> | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(pool: RunPool, input: RunAgentInput, context: RunContext) {
    this.#pool = pool;
    this.#input = input;
    this.#context = context;
    this.#lease = { sessionId: input.threadId, runId: input.runId };
    // Whoever leaves the iterator as it is has ended the run at least.
    context.signal.addEventListener("abort", this.#release, { once: true });
  }

  async next(): Promise<IteratorResult<AgentOutput, undefined>> {
    while (!this.#isOver) {
      try {
        this.#events ??= this.#open();
        const result = await this.#events.next();
        this.#hasBegun = true;
        if (!result.done) return result;
        this.#end();
      } catch (error) {
        if (this.#canTryAgain(error)) continue;
        this.#end();
        throw this.#endpoint === undefined ? error : redacted(error, this.#endpoint);
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<AgentOutput, undefined>> {
    this.#end();
    await this.#events?.return?.();
    return { done: true, value: undefined };
  }

  /** Picks where the run begins, and begins it. */
  #open(): AsyncIterator<AgentOutput> {
    const endpoint = this.#endpoint ?? this.#pool.pick([]);
    if (endpoint === undefined) throw this.#pool.unavailable();
    this.#endpoint = endpoint;
    this.#tried.push(endpoint);
    if (!this.#context.signal.aborted) endpoint.lease(this.#lease);
    return reached(endpoint).run(this.#input, this.#context)[Symbol.asyncIterator]();
  }

  /** Draws the conclusions of a failure; true if there is another endpoint to begin the run at. */
  #canTryAgain(error: unknown): boolean {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return false;
    this.#release();
    if (!isUnreachable(error) || this.#context.signal.aborted || this.#isOver) return false;
    if (this.#hasBegun) {
      this.#pool.noteLost(endpoint);
      return false;
    }
    endpoint.noteUnreachable(error);
    const other = this.#tried.length < attemptsMax ? this.#pool.pick(this.#tried) : undefined;
    if (other === undefined) return false;
    this.#endpoint = other;
    this.#events = undefined;
    return true;
  }

  #end(): void {
    this.#isOver = true;
    this.#release();
    this.#context.signal.removeEventListener("abort", this.#release);
  }
}

/** The agent of an endpoint; where it may not be reached, it is as if it could not. */
function reached(endpoint: Endpoint) {
  try {
    return endpoint.remote;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AgentUnavailableError(why, { cause: error });
  }
}

const refusals: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.PermissionDenied,
  Code.Unauthenticated,
]);

/** Whether an endpoint was not there for a run, or went away. One that refuses a run says nothing about others. */
function isUnreachable(error: unknown): error is AgentUnavailableError {
  if (!(error instanceof AgentUnavailableError)) return false;
  return !(error.cause instanceof ConnectError && refusals.has(error.cause.code));
}

/** The same error without what is secret. */
function redacted(error: unknown, { redact }: Endpoint): unknown {
  if (!(error instanceof Error)) return error;
  const message = redact(error.message);
  if (message !== error.message) error.message = message;
  return error;
}
