import type { JsonObject, Message, MessagesSnapshotEvent } from "../types.ts";

/**
 * The messages after a MESSAGES_SNAPSHOT: it restates the conversation, but an agent that does not keep
 * activities or reasoning cannot have put them in, so those it shows none of stay where they are.
 *
 * `restated` are the messages of the snapshot.
 */
export function reconcileSnapshot(
  current: readonly Message[],
  restated: readonly Message[],
  metadata: MessagesSnapshotEvent["metadata"],
): Message[] {
  const byId = new Map(restated.map((message) => [message.id, message]));
  const ownsActivity = activityAuthority(metadata, restated);
  const ownsReasoning = restated.some(({ role }) => role === "reasoning");
  const kept: Message[] = [];
  const keptIds = new Set<string>();
  for (const message of current) {
    const isOutsideSnapshot =
      (message.role === "activity" && !ownsActivity(message.activityType)) ||
      (message.role === "reasoning" && !ownsReasoning);
    const next = byId.get(message.id) ?? (isOutsideSnapshot ? message : undefined);
    if (next === undefined) continue;
    kept.push(next);
    keptIds.add(next.id);
  }
  for (const message of restated) if (!keptIds.has(message.id)) kept.push(message);
  return kept;
}

/**
 * For which types of activity a snapshot is complete. Its metadata may say so (null: for all; a list: for
 * these; anything unclear: for none); else it is for all if it shows any.
 */
function activityAuthority(
  metadata: JsonObject | undefined,
  restated: readonly Message[],
): (activityType: string) => boolean {
  const showsActivity = restated.some(({ role }) => role === "activity");
  if (metadata === undefined || !Object.hasOwn(metadata, "@ag-ui/client")) return () => showsActivity;
  const declaration = metadata["@ag-ui/client"];
  if (typeof declaration !== "object" || !declaration || Array.isArray(declaration)) return () => false;
  if (!Object.hasOwn(declaration, "authoritativeActivityTypes")) return () => showsActivity;
  const types = (declaration as JsonObject).authoritativeActivityTypes;
  if (types === null) return () => true;
  const isList = Array.isArray(types) && types.every((type) => typeof type === "string");
  return isList ? (activityType) => types.includes(activityType) : () => false;
}
