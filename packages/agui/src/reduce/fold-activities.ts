import type { ActivityMessage, EventOf, Json, JsonObject } from "../types.ts";
import { warnOfKind } from "./fold-messages.ts";
import { applyPatch, reasonOf, ruleOf, UnshowableError } from "./json-patch.ts";
import { type Conversation, mergeMetadata } from "./messages.ts";

/** Puts an activity, over whatever has its id unless the event says not to replace. */
export function foldActivitySnapshot(conversation: Conversation, event: EventOf<"ACTIVITY_SNAPSHOT">): void {
  const { messages } = conversation;
  const { messageId, activityType, content, subagentRunId, metadata } = event;
  const existing = messages.get(messageId);
  const replaces = event.replace ?? true;
  if (existing?.role === "activity") {
    if (replaces) {
      Object.assign(existing, { activityType, content });
      // Attribution comes anew with the content, and so may end.
      if (subagentRunId != null) existing.subagentRunId = subagentRunId;
      else delete existing.subagentRunId;
    }
    mergeMetadata(existing, metadata);
    return;
  }
  if (existing !== undefined && !replaces) return;
  const owner = subagentRunId == null ? {} : { subagentRunId };
  const created: ActivityMessage = { id: messageId, role: "activity", activityType, content, ...owner };
  mergeMetadata(created, metadata);
  if (existing === undefined) messages.append(created);
  else messages.replace(existing, created);
}

export function foldActivityDelta(conversation: Conversation, event: EventOf<"ACTIVITY_DELTA">): void {
  const { messageId, activityType, patch, metadata } = event;
  const activity = conversation.messages.get(messageId);
  if (activity === undefined) {
    conversation.warn("unknown_message", `ACTIVITY_DELTA names '${messageId}', which does not exist.`);
    return;
  }
  if (activity.role !== "activity") {
    warnOfKind(conversation, event.type, activity);
    return;
  }
  // Metadata does not depend on whether the patch applies.
  mergeMetadata(activity, metadata);
  try {
    activity.content = asContent(applyPatch(activity.content, patch));
    activity.activityType = activityType;
  } catch (error) {
    const reason = reasonOf(error);
    conversation.warn(ruleOf(error), `ACTIVITY_DELTA of '${messageId}' does not apply: ${reason}`);
  }
}

/** Clients take anything here, but then no snapshot that shows the activity is valid. */
function asContent(value: Json): ActivityMessage["content"] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new UnshowableError("The content of an activity has to stay an object");
}
