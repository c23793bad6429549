import type { FieldsResponse, ResponseBody } from "../http/write-response.ts";
import type { CallContext } from "./call-context.ts";

/** The response of an RPC: headers and trailers are those of its context, at the time they are sent. */
export class RpcResponse implements FieldsResponse {
  readonly status = 200;
  readonly body: ResponseBody;
  readonly hasTrailers: boolean;
  readonly #context: CallContext;

  constructor(context: CallContext, body: ResponseBody, hasTrailers: boolean) {
    this.#context = context;
    this.body = body;
    this.hasTrailers = hasTrailers;
  }

  get header(): Headers {
    return this.#context.responseHeader;
  }

  get trailer(): Headers {
    return this.#context.responseTrailer;
  }

  headerFields() {
    return this.#context.responseFields();
  }

  trailerFields() {
    return this.#context.trailerFields();
  }
}
