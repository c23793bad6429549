import type { ClientHttp2Session } from "node:http2";
import { createCounter } from "./counter.ts";
import type { LoadRequest } from "./requests.ts";

/** A gRPC stream that is being read. */
export interface OpenStream {
  /** Resolves when the first bytes of a message have come. */
  readonly begun: Promise<void>;
  /** Resolves with the number of events when the stream has ended well. */
  readonly ended: Promise<number>;
  /** How many bytes have come. */
  readonly bytes: () => number;
  /** Cuts it. */
  cut(): void;
}

/** Sends a request on a connection and reads what comes. `onChunk` sees every piece of it. */
export function openStream(
  session: ClientHttp2Session,
  { path, headers, body }: LoadRequest,
  onChunk: (chunk: Buffer) => void = () => {},
): OpenStream {
  const counter = createCounter("grpc");
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<number>();
  let bytes = 0;
  let status: unknown;
  const fail = (error: Error) => {
    begun.reject(error);
    ended.reject(error);
  };
  // Who cuts a stream waits for neither.
  begun.promise.catch(() => {});
  ended.promise.catch(() => {});
  stream.on("response", (fields) => {
    status = fields["grpc-status"];
  });
  stream.on("trailers", (fields) => {
    status = fields["grpc-status"];
  });
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    counter.push(chunk);
    onChunk(chunk);
    begun.resolve();
  });
  stream.on("error", fail);
  stream.on("end", () => {
    if (status === "0") ended.resolve(counter.events());
    else fail(new Error(`gRPC status ${status}`));
  });
  stream.end(body);
  return { begun: begun.promise, ended: ended.promise, bytes: () => bytes, cut: () => stream.close(8) };
}
