import type { AguiEvent } from "@dragoman/agui";

/** Which events; all that is given must match. */
export interface EventFilter {
  readonly agentIds?: readonly string[];
  readonly sessionIds?: readonly string[];
  readonly runIds?: readonly string[];
  /** Names of AG-UI's event types. */
  readonly eventTypes?: readonly string[];
}

/** An event and where it is from. */
export interface SessionEvent {
  readonly sessionId: string;
  readonly runId: string;
  readonly agentId: string;
  readonly sequence: number;
  readonly logId: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly event: AguiEvent;
  /** The event as an `agui.v1.Event` message. */
  readonly bytes: Uint8Array;
}

/** A filter that is asked often. */
export interface EventMatcher {
  session(sessionId: string): boolean;
  run(runId: string, agentId: string): boolean;
  type(type: string): boolean;
}

/** Makes a filter ready to be asked. */
export function matcherOf(filter: EventFilter): EventMatcher {
  const agents = anyOf(filter.agentIds);
  const sessions = anyOf(filter.sessionIds);
  const runs = anyOf(filter.runIds);
  const types = anyOf(filter.eventTypes);
  return { session: sessions, run: (runId, agentId) => runs(runId) && agents(agentId), type: types };
}

function anyOf(names: readonly string[] | undefined): (name: string) => boolean {
  if (names === undefined || names.length === 0) return () => true;
  const set = new Set(names);
  return (name) => set.has(name);
}
