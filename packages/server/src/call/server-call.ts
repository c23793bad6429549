import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor } from "@connectrpc/connect";
import { deadlineError } from "@dragoman/rpc";
import type { UniversalServerRequest } from "../connect-internals.ts";
import type { ExchangeWatcher, HeaderFields } from "../http/exchange.ts";
import { clientGoneError, watchCaller } from "../http/exchange-request.ts";
import { publicError } from "../interceptors/errors.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { AbortableCall, ActiveCalls } from "./active-calls.ts";
import { CallContext } from "./call-context.ts";
import { type CallInput, type CallSpec, type Invocation, invoke, normalized } from "./invoke.ts";

/** What every call of a server shares. */
export interface CallHost {
  readonly interceptors: readonly Interceptor[];
  readonly limits: Limits;
  readonly log: Log;
  readonly calls: ActiveCalls;
}

/** How one call came in. */
export interface ServerCallInit {
  readonly spec: CallSpec;
  readonly protocolName: string;
  readonly request: UniversalServerRequest;
  readonly timeoutMs: number | undefined;
  readonly responseFields: HeaderFields;
  readonly trailerFields?: HeaderFields;
}

/** Reads the request messages. Called once, when the call has been admitted. */
export type ReadInput = () => Promise<CallInput>;

type Message = MessageShape<DescMessage>;

/**
 * One call of any kind, from its request to its last message, whatever protocol it came over.
 *
 * Every wait for the handler is raced against the deadline, the caller and the shutdown of the server:
 * a handler that ignores its signal delays nobody. Ends in exactly one way, and then frees all it held.
 */
export class ServerCall implements AbortableCall, ExchangeWatcher {
  readonly context: CallContext;
  readonly spec: CallSpec;
  readonly #host: CallHost;
  #starting: Promise<void> | undefined;
  #invocation: Invocation | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #error: ConnectError | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(host: CallHost, init: ServerCallInit) {
    this.#host = host;
    this.spec = init.spec;
    this.context = new CallContext({ trailerFields: {}, ...init, method: init.spec.method });
    host.calls.add(this);
    watchCaller(init.request, this);
    if (init.timeoutMs !== undefined) {
      this.#limit(init.timeoutMs);
    }
  }

  /** Begins to read the request and to call the implementation. {@link next} tells how it went. */
  start(readInput: ReadInput): void {
    this.#starting = this.#start(readInput);
    this.#starting.catch(() => {});
  }

  /** Returns the next message; undefined at the end. Rejects with an error for the client. */
  next(): Promise<Message | undefined> {
    if (this.#starting !== undefined) {
      return this.#startedNext(this.#starting);
    }
    const invocation = this.#invocation;
    if (this.#over || invocation === undefined) {
      return this.#error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      invocation.messages.next().then(
        (result) => this.#settle(result, resolve, reject),
        (error) => reject(this.#fail(error)),
      );
    });
  }

  /** Ends the call with an error: what waits rejects with it, the implementation's signal aborts. */
  abort(error: ConnectError): void {
    if (!this.#over) {
      const invocation = this.#invocation;
      this.#end(error);
      this.#reject?.(error);
      if (invocation) {
        stop(invocation);
      }
    }
  }

  /** Ends the call because nobody wants the rest of it. */
  close(): void {
    if (!this.#over) {
      this.abort(clientGoneError());
    }
  }

  /** The caller went away. */
  clientGone(): void {
    this.close();
  }

  /** What is too short for a timer has passed by now. */
  #limit(timeoutMs: number): void {
    if (timeoutMs < 1) {
      this.abort(deadlineError());
    } else {
      this.#timer = setTimeout(() => this.abort(deadlineError()), timeoutMs);
    }
  }

  async #start(readInput: ReadInput): Promise<void> {
    try {
      const input = await this.#race(readInput());
      const invoking = invoke(this.spec, this.context, input, this.#host.interceptors);
      this.#invocation = await this.#race(invoking, stop);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #startedNext(starting: Promise<void>): Promise<Message | undefined> {
    await starting;
    this.#starting = undefined;
    return this.next();
  }

  #settle(
    result: IteratorResult<Parameters<typeof normalized>[1]>,
    resolve: (message: Message | undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    try {
      if (result.done !== true) {
        resolve(normalized(this.spec, result.value));
      } else if (!this.#over) {
        const trailer = this.#invocation?.trailer;
        if (trailer) {
          this.context.replaceResponseTrailer(trailer);
        }
        this.#end(undefined);
        resolve(undefined);
      }
    } catch (error) {
      reject(this.#fail(error));
    }
  }

  #fail(error: unknown): ConnectError {
    const shown = this.#error ?? publicError(error, this.#host.log);
    this.#end(shown);
    return shown;
  }

  #end(error: ConnectError | undefined): void {
    if (!this.#over) {
      this.#over = true;
      this.#error = error;
      this.#invocation = undefined;
      clearTimeout(this.#timer);
      this.#host.calls.delete(this);
      this.context.abort(error);
    }
  }

  /** Waits for the handler, but not longer than the call lives. `late` gets what comes after that. */
  #race<T>(promise: Promise<T>, late?: (value: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#over) {
        reject(this.#error);
      }
      this.#reject = reject;
      promise.then((value) => {
        resolve(value);
        if (this.#over) {
          late?.(value);
        }
      }, reject);
    });
  }
}

function stop(invocation: Invocation): void {
  invocation.messages.return?.()?.then(undefined, () => {});
}
