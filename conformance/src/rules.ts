/**
 * What the streams of our own corpus pass or break, by name. Each has streams that pass it and, where
 * a client checks it, streams that break it.
 */
export const rules: Readonly<Record<string, { readonly says: string; readonly breakable: boolean }>> = {
  "after-run-error": { says: "after RUN_ERROR only RUN_STARTED may come", breakable: true },
  "after-run-finished": {
    says: "after RUN_FINISHED only RUN_ERROR or RUN_STARTED may come",
    breakable: true,
  },
  "first-event": { says: "the first event is RUN_STARTED or RUN_ERROR", breakable: true },
  "one-active-run": {
    says: "no RUN_STARTED while a run is active; a new run forgets the old one",
    breakable: true,
  },
  "null-owner": { says: "subagentRunId is absent or a string, never null, wherever it is", breakable: true },
  "subagent-fields": { says: "the optional fields of SUBAGENT events are never null", breakable: true },
  "text-message-bracket": { says: "text messages are opened, filled and closed", breakable: true },
  "tool-call-bracket": { says: "tool calls are opened, filled and closed", breakable: true },
  "tool-call-owner": { says: "a tool call belongs to the owner of its message", breakable: true },
  "continuation-owner": {
    says: "what continues an entity agrees with its owner or names none",
    breakable: true,
  },
  "step-bracket": { says: "steps are started and finished by their owner and name", breakable: true },
  "reasoning-bracket": { says: "reasoning spans and messages are two sets of brackets", breakable: true },
  "subagent-bracket": {
    says: "a subagent starts once, under a known parent, and ends once",
    breakable: true,
  },
  "run-finished-closed": { says: "RUN_FINISHED finds nothing open; RUN_ERROR may", breakable: true },
  "chunk-first": { says: "the first chunk of a stream names it", breakable: true },
  "chunk-agreement": { says: "a chunk repeats what its opener said or leaves it out", breakable: true },
  "chunk-lanes": { says: "each owner assembles its own streams", breakable: true },
  "chunk-closers": { says: "what ends a chunk stream, and what does not", breakable: true },
  "malformed-field": { says: "a known field of the wrong form is fatal", breakable: true },
  "unknown-event": { says: "an unknown event is left out with a warning", breakable: false },
  "unknown-property": {
    says: "an unknown property or union member is taken out with a warning",
    breakable: false,
  },
  "legacy-shape": { says: "what older agents send is read as what it became", breakable: false },
  "event-fields": { says: "every field of every event arrives", breakable: false },
  wire: { says: "no content is lost or changed on the way", breakable: false },
  input: { says: "the run adds to what the client holds", breakable: false },
  version: { says: "a newer minor version is served", breakable: false },
  "terminal-missing": { says: "no client notices; a server ends the run with RUN_ERROR", breakable: false },
  "foreign-ids": { says: "no client notices; a server writes its own ids", breakable: false },
  "orphan-tool-result": { says: "no client minds a result of an unknown call", breakable: false },
  "inapplicable-patch": { says: "a patch that does not apply is skipped", breakable: false },
  nesting: { says: "what is nested too deep has no binary form; a server refuses it", breakable: false },
};
