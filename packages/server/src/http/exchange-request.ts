import { Code, type ContextValues } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerRequest } from "../connect-internals.ts";
import type { BodyReader } from "./body-reader.ts";
import { type Exchange, requestHeader } from "./exchange.ts";

/**
 * An exchange as the request that Connect's handlers take.
 *
 * Headers, URL and signal are made only when somebody asks: our streaming handlers do not.
 */
export class ExchangeRequest implements UniversalServerRequest {
  readonly exchange: Exchange;
  readonly contextValues?: ContextValues;
  #header: Headers | undefined;
  #signal: AbortSignal | undefined;

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
    if (this.#header === undefined) {
      this.#header = new Headers();
      for (const [name, value] of Object.entries(this.exchange.headers)) {
        if (!name.startsWith(":") && value !== undefined) {
          for (const one of Array.isArray(value) ? value : [value]) {
            this.#header.append(name, one);
          }
        }
      }
    }
    return this.#header;
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      this.exchange.onAbort(() => controller.abort(clientGone()));
    }
    return this.#signal;
  }
}

/** Returns a request header without making a `Headers` object where there is none yet. */
export function headerOf(request: UniversalServerRequest, name: string): string | null {
  if (request instanceof ExchangeRequest) {
    return requestHeader(request.exchange, name) ?? null;
  }
  return request.header.get(name);
}

/** Calls back once when the caller of a request is gone. */
export function onCallerGone(request: UniversalServerRequest, listener: (reason: unknown) => void): void {
  if (request instanceof ExchangeRequest) {
    request.exchange.onAbort(() => listener(clientGone()));
  } else if (request.signal.aborted) {
    listener(request.signal.reason);
  } else {
    request.signal.addEventListener("abort", () => listener(request.signal.reason), { once: true });
  }
}

function clientGone() {
  return reasonError(Code.Canceled, "UNSPECIFIED", "The client is gone.");
}
