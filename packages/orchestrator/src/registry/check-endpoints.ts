import type { LookupAddress } from "node:dns";
import { EgressError, type EgressPolicy } from "@dragoman/egress";
import { EngineError, quote } from "@dragoman/engine";
import { type EndpointSpec, endpointHeaders, isSameReplica, type Place, placeOf } from "./endpoint-spec.ts";

/** What decides whether an endpoint may be registered. */
export interface EndpointRules {
  readonly egress: EgressPolicy;
  /** Whether an address is the server's own: an agent there would call itself. */
  readonly isOwn: (host: string, port: number) => boolean;
  /** How long finding the addresses of a name may take, in milliseconds. */
  readonly resolveTimeoutMs: number;
}

/**
 * Checks endpoints before they are registered, and returns them with headers by names in lower case.
 *
 * Throws INVALID_REQUEST for what can never work, ENDPOINT_NOT_ALLOWED for what may not be reached. A name that has
 * no address yet is taken: every connection is checked again.
 */
export async function checkEndpoints(
  given: readonly EndpointSpec[],
  rules: EndpointRules,
): Promise<EndpointSpec[]> {
  const specs = given.map((spec) => ({ ...spec, headers: endpointHeaders(spec.headers) }));
  for (const [index, spec] of specs.entries()) {
    if (!specs.slice(0, index).some((other) => isSameReplica(other, spec))) continue;
    throw new EngineError(
      "INVALID_REQUEST",
      `the endpoint ${quote(placeOf(spec.target).url)} is given twice`,
    );
  }
  await Promise.all(specs.map(({ target }) => checkPlace(placeOf(target), rules)));
  return specs;
}

async function checkPlace(place: Place, { egress, isOwn, resolveTimeoutMs }: EndpointRules): Promise<void> {
  const { port } = place;
  try {
    const host = egress.checkHost(place.host, port);
    const addresses = await within(resolveTimeoutMs, egress.resolve(host, port));
    if (![host, ...addresses].some((one) => isOwn(one, port))) return;
  } catch (error) {
    throw error instanceof EgressError ? refusal(error, place) : error;
  }
  throw new EngineError(
    "INVALID_REQUEST",
    `${place.url} is this server itself: it would call itself without end. Its agents need no registration`,
  );
}

/** The addresses of a name, as far as they are found in time. Rejects only where they are refused. */
async function within(timeoutMs: number, found: Promise<LookupAddress[]>): Promise<string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<LookupAddress[]>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, []);
  });
  try {
    return (await Promise.race([found, late])).map(({ address }) => address);
  } catch (error) {
    if (error instanceof EgressError && error.code === "ADDRESS_REFUSED") throw error;
    return [];
  } finally {
    clearTimeout(timer);
  }
}

function refusal(error: EgressError, { host }: Place): EngineError {
  const isRefused = error.code === "ADDRESS_REFUSED";
  return new EngineError(isRefused ? "ENDPOINT_NOT_ALLOWED" : "INVALID_REQUEST", error.message, { host });
}
