import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";

/** Says how many servers a run came through. */
export const hopsHeader = "dragoman-hops";

/** How many servers a run may come through: an agent that is behind itself must not call itself without end. */
export const hopsMax = 8;

/**
 * How many servers a call came through to be here; 0 where it does not say.
 *
 * Throws RESOURCE_EXHAUSTED, LIMIT_REACHED where they are more than {@link hopsMax}.
 */
export function readHops(header: Headers): number {
  const text = header.get(hopsHeader) ?? "0";
  const hops = /^\d{1,9}$/.test(text) ? Number(text) : hopsMax + 1;
  if (hops <= hopsMax) return hops;
  throw reasonError(
    Code.ResourceExhausted,
    "LIMIT_REACHED",
    `This run came through more than ${hopsMax} servers (hopsMax): an agent is probably behind itself.`,
    { metadata: { limit: "hopsMax", value: hopsMax } },
  );
}

/** The headers of a call that passes a run on. */
export function hopsHeaders(hops = 0): Record<string, string> {
  return { [hopsHeader]: String(hops + 1) };
}
