import type { JsonObject, RunStartedEvent } from "@dragoman/agui";

/** What changed a session outside of a run of an agent. */
export type ChangeOrigin = "state" | "message" | "tool" | "session";

/** The key of RUN_STARTED.metadata that tells readers that no agent ran. It merges into no message. */
const originKey = "dragoman-origin";

/** Who made a run: `agent`, unless its RUN_STARTED says otherwise. */
export function originOf(event: RunStartedEvent): string {
  const origin = event.metadata?.[originKey];
  return typeof origin === "string" ? origin : "agent";
}

/** The metadata of a RUN_STARTED that no agent made. */
export function originMetadata(origin: ChangeOrigin): JsonObject {
  return { [originKey]: origin };
}
