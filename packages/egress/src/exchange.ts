import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { connectionError } from "./connection-error.ts";
import { acceptedEncodings, decodeBody, tooLarge } from "./decode-body.ts";
import { EgressError } from "./errors.ts";
import { portOf } from "./host.ts";
import type { EgressPolicy } from "./policy.ts";
import { type Hop, locationOf } from "./redirect.ts";

/** The connections that requests go over. */
export interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** The answer to one request. */
export interface Answer {
  readonly status: number;
  /** With names in lower case; those that came more than once are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Where it leads on to. Its body was not read then. */
  readonly location: string | undefined;
}

/** Sends one request to where the policy allows and reads the answer. Throws `EgressError`, or the signal's reason. */
export async function exchange(
  hop: Hop,
  policy: EgressPolicy,
  agents: Agents,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const { host: target } = hop.url;
  const request = open(hop, policy, agents);
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  // A name service may have been asked already, and it is not ours.
  if (signal.aborted) stop();
  let isComplete = false;
  try {
    const response = await Promise.race([headOf(request, hop), stopped.promise]);
    const answer = await Promise.race([read(response, hop, maxBytes), stopped.promise]);
    isComplete = response.complete;
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw connectionError(error, target);
  } finally {
    signal.removeEventListener("abort", stop);
    // What was not read to its end would hold on to its connection.
    if (!isComplete) request.destroy();
  }
}

function open(hop: Hop, policy: EgressPolicy, agents: Agents): http.ClientRequest {
  const { url, method } = hop;
  const port = portOf(url);
  const isTls = url.protocol === "https:";
  const host = policy.checkHost(url.hostname, port);
  const options: https.RequestOptions = {
    host,
    port,
    path: url.pathname + url.search,
    method,
    headers: {
      ...hop.headers,
      ...lengthOf(hop.body),
      host: url.host,
      "accept-encoding": acceptedEncodings,
    },
    agent: isTls ? agents.https : agents.http,
    lookup: policy.lookupFor(port),
    ...(isTls && isIP(host) === 0 ? { servername: host } : {}),
  };
  const request = (isTls ? https : http).request(options);
  // It may fail once more after its failure was reported.
  request.on("error", () => {});
  return request;
}

/** Node leaves it out for methods that rarely have a body, so that a server took the body for the next request. */
function lengthOf(body: string | Uint8Array | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

function headOf(request: http.ClientRequest, { url, body }: Hop): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
    request.on("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      const message = `${url.host} answered by changing the protocol.`;
      reject(new EgressError("INVALID_RESPONSE", message, { host: url.host }));
    });
    request.end(body);
  });
}

async function read(response: http.IncomingMessage, { url, method }: Hop, maxBytes: number): Promise<Answer> {
  const status = response.statusCode ?? 0;
  const location = locationOf(status, response.headers.location);
  const headers = headersOf(response);
  if (location !== undefined) return { status, headers, body: new Uint8Array(), location };
  const isLonger = method !== "HEAD" && Number(headers["content-length"]) > maxBytes;
  if (isLonger) throw tooLarge(url.host, maxBytes);
  const raw = await bytesOf(response, maxBytes, url.host);
  const body = await decodeBody(raw, headers["content-encoding"], maxBytes, url.host);
  return { status, headers, body, location };
}

async function bytesOf(response: http.IncomingMessage, maxBytes: number, host: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(host, maxBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes);
}

function headersOf({ headersDistinct }: http.IncomingMessage): Record<string, string> {
  const entries = Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(", ")]);
  return Object.fromEntries(entries);
}
