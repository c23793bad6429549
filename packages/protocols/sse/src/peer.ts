import type { RewriteEvent } from "./event-writer.ts";

/** Whether a declared version of AG-UI is older than 1.0; one that is not declared is. */
export function isOlderPeer(protocolVersion: string | undefined): boolean {
  return protocolVersion === undefined || /^0(\.|$)/.test(protocolVersion);
}

/** Returns what rewrites events for a peer; undefined if it reads all of them. */
export function rewriterFor(protocolVersion: string | undefined): RewriteEvent | undefined {
  return isOlderPeer(protocolVersion) ? undefined : undefined;
}
