import { Code, type ConnectError, type ContextValues } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerRequest } from "../connect-internals.ts";
import type { BodyReader } from "./body-reader.ts";
import type { Exchange, ExchangeWatcher } from "./exchange.ts";

/**
 * An exchange as the request that Connect's handlers take.
 *
 * Headers, URL and signal are made only when somebody asks: our streaming handlers do not.
 */
export class ExchangeRequest implements UniversalServerRequest, ExchangeWatcher {
  readonly exchange: Exchange;
  readonly contextValues?: ContextValues;
  #header: Headers | undefined;
  #controller: AbortController | undefined;

  constructor(exchange: Exchange, contextValues?: ContextValues) {
    this.exchange = exchange;
    if (contextValues) {
      this.contextValues = contextValues;
    }
  }

  get httpVersion(): string {
    return this.exchange.httpVersion;
  }

  get method(): string {
    return this.exchange.method;
  }

  get url(): string {
    return `${this.exchange.scheme}://${this.exchange.authority}${this.exchange.target}`;
  }

  get body(): BodyReader {
    return this.exchange.body;
  }

  get header(): Headers {
    this.#header ??= this.exchange.headers();
    return this.#header;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.exchange.watch(this);
    }
    return this.#controller.signal;
  }

  clientGone(): void {
    this.#controller?.abort(clientGoneError());
  }
}

/** Returns a request header without making a `Headers` object where there is none yet. */
export function headerOf(request: UniversalServerRequest, name: string): string | null {
  if (request instanceof ExchangeRequest) {
    return request.exchange.header(name) ?? null;
  }
  return request.header.get(name);
}

/** Tells the watcher once when the caller of a request is gone. */
export function watchCaller(request: UniversalServerRequest, watcher: ExchangeWatcher): void {
  if (request instanceof ExchangeRequest) {
    request.exchange.watch(watcher);
  } else if (request.signal.aborted) {
    watcher.clientGone();
  } else {
    request.signal.addEventListener("abort", () => watcher.clientGone(), { once: true });
  }
}

/** Why calls end whose client is gone. Nobody is there to read it but the handler. */
export function clientGoneError(): ConnectError {
  return reasonError(Code.Canceled, "UNSPECIFIED", "The client is gone.");
}
