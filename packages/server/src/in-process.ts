import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport, createUniversalHandlerClient } from "./connect-internals.ts";
import type { Server } from "./server.ts";

/** What the transport cannot exceed: messages do not leave the process, so there is nothing to limit. */
const unlimitedBytes = 0xffffffff;

/**
 * Makes a transport that calls the handlers of a server without a network.
 *
 * The calls pass the same interceptors, limits and error mapping as those from outside; the server
 * need not listen. `interceptors` are the client's own.
 */
export function createInProcessTransport(
  server: Pick<Server, "handlers">,
  options: { readonly interceptors?: Interceptor[] } = {},
): Transport {
  return createConnectTransport({
    httpClient: createUniversalHandlerClient([...server.handlers]),
    baseUrl: "https://in-process",
    useBinaryFormat: true,
    interceptors: options.interceptors ?? [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: unlimitedBytes,
    readMaxBytes: unlimitedBytes,
    writeMaxBytes: unlimitedBytes,
  });
}
