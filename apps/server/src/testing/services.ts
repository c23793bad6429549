import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";

/** Generated clients of what a server serves. */
export interface Services {
  readonly agui: Client<typeof AGUIService>;
  readonly runs: Client<typeof RunService>;
  readonly sessions: Client<typeof SessionService>;
}

/** Makes generated clients over a transport. */
export function servicesOver(transport: Transport): Services {
  return {
    agui: createClient(AGUIService, transport),
    runs: createClient(RunService, transport),
    sessions: createClient(SessionService, transport),
  };
}
