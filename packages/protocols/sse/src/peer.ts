import { type AguiEvent, createDowngrader, profileOf } from "@dragoman/agui";
import type { Log } from "@dragoman/server";

/** Turns an event into what a peer reads in its place; undefined if it gets nothing. */
export type RewriteEvent = (event: AguiEvent) => AguiEvent | undefined;

/**
 * Returns what rewrites the events of one stream for a peer of this version; undefined if it reads them as
 * they are. A peer that declares none is of AG-UI 0.x, which knew no such field.
 */
export function rewriterFor(protocolVersion: string | undefined, log: Log): RewriteEvent | undefined {
  const profile = profileOf(protocolVersion);
  if (profile === "1.0") {
    return undefined;
  }
  const downgrader = createDowngrader(profile, {
    onWarning: (message) => log.warn(`for a peer of AG-UI ${profile}: ${message}`),
  });
  return (event) => {
    let rewritten: AguiEvent | undefined;
    downgrader.push(event, (given) => {
      rewritten = given;
    });
    return rewritten;
  };
}
