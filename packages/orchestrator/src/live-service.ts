import type { ServiceImpl } from "@connectrpc/connect";
import type { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import { liveSession } from "./live/live-session.ts";
import type { CompleteOptions } from "./options.ts";

/** Serves agent.v1.LiveService on an engine: an orchestrator is an agent. */
export function createLiveService(options: CompleteOptions): ServiceImpl<typeof LiveService> {
  return { liveSession: (requests, context) => liveSession(requests, context, options) };
}
