import { isIPv4 } from "node:net";
import { createEgressPolicy, type EgressPolicy } from "@dragoman/egress";
import { UsageError } from "../usage-error.ts";
import type { ServeConfig } from "./config.ts";

/**
 * What the server reaches for those who register agents and tools: public addresses, what the operator lists, and
 * loopback where nobody but this machine can call the server anyway.
 *
 * Throws a {@link UsageError} for an entry that cannot be right.
 */
export function createEgress({ host, allowedEndpoints }: ServeConfig): EgressPolicy {
  const optionName = "--allow-endpoint";
  try {
    return createEgressPolicy({ allow: allowedEndpoints, allowLoopback: isLoopback(host), optionName });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${optionName} cannot be used: ${error.message}`);
  }
}

/** Whether a server that listens on this host is reached from its own machine only. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
