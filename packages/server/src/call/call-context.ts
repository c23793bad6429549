import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { UniversalServerRequest } from "../connect-internals.ts";
import type { HeaderFields } from "../http/exchange.ts";
import { headerFields } from "../http/header-fields.ts";
import { CallValues } from "./call-values.ts";

/** What a call is, before it runs. */
export interface CallContextInit {
  readonly method: DescMethod;
  readonly protocolName: string;
  readonly request: UniversalServerRequest;
  /** Milliseconds that the client gives the call; undefined for ever. */
  readonly timeoutMs: number | undefined;
  /** Headers and trailers that belong to the protocol. Not copied, not changed. */
  readonly responseFields: HeaderFields;
  readonly trailerFields: HeaderFields;
}

/**
 * The context of a streaming call.
 *
 * What Connect's own context makes up front (three Headers, two abort controllers) is made here when
 * somebody asks for it, because a thousand idle streams would hold it for nothing.
 */
export class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly protocolName: string;
  readonly values: CallValues;
  readonly #request: UniversalServerRequest;
  readonly #deadline: number | undefined;
  readonly #responseFields: HeaderFields;
  readonly #trailerFields: HeaderFields;
  #controller: AbortController | undefined;
  #aborted = false;
  #reason: unknown;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(init: CallContextInit) {
    this.method = init.method;
    this.protocolName = init.protocolName;
    this.values = new CallValues(init.request.contextValues);
    this.#request = init.request;
    this.#deadline = init.timeoutMs === undefined ? undefined : Date.now() + init.timeoutMs;
    this.#responseFields = init.responseFields;
    this.#trailerFields = init.trailerFields;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get requestMethod(): string {
    return this.#request.method;
  }

  get url(): string {
    return this.#request.url;
  }

  get requestHeader(): Headers {
    return this.#request.header;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= toHeaders(this.#responseFields);
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= toHeaders(this.#trailerFields);
    return this.#responseTrailer;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) {
        this.#controller.abort(this.#reason);
      }
    }
    return this.#controller.signal;
  }

  /** A function of its own: handlers may take it out of the context. */
  get timeoutMs(): () => number | undefined {
    const deadline = this.#deadline;
    return () => (deadline === undefined ? undefined : deadline - Date.now());
  }

  /** Aborts the signal, whether or not somebody listens. Only the first call counts. */
  abort(reason: unknown): void {
    if (!this.#aborted) {
      this.#aborted = true;
      this.#reason = reason;
      this.#controller?.abort(reason);
    }
  }

  /** Takes over headers that an interceptor put in place of the call's own; what the protocol needs stays. */
  replaceResponseHeader(given: Headers): void {
    replace(this.responseHeader, given, this.#responseFields);
  }

  /** Takes over trailers likewise. */
  replaceResponseTrailer(given: Headers): void {
    replace(this.responseTrailer, given, this.#trailerFields);
  }

  /** The response headers as they are to be sent. */
  responseFields(): HeaderFields {
    return this.#responseHeader ? headerFields(this.#responseHeader) : this.#responseFields;
  }

  /** The trailers as they are to be sent. */
  trailerFields(): HeaderFields {
    return this.#responseTrailer ? headerFields(this.#responseTrailer) : this.#trailerFields;
  }
}

function replace(target: Headers, given: Headers, protocolFields: HeaderFields): void {
  if (given === target) {
    return;
  }
  for (const name of [...target.keys()]) {
    target.delete(name);
  }
  given.forEach((value, name) => {
    target.append(name, value);
  });
  for (const [name, value] of Object.entries(protocolFields)) {
    target.set(name, typeof value === "string" ? value : value.join(", "));
  }
}

function toHeaders(fields: HeaderFields): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of typeof value === "string" ? [value] : value) {
      headers.append(name, one);
    }
  }
  return headers;
}
