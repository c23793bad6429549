// What implementations of the ports share. Not for users of stores.
export { checkChunks } from "./check-chunks.ts";
export { logKeyText } from "./keys.ts";
export { createLogId } from "./log-id.ts";
export { maxListBytes } from "./memory-catalog.ts";
export { defaultPageBytes } from "./memory-log.ts";
export { completeMaxBytes } from "./store-limits.ts";
export { Waits } from "./waits.ts";
