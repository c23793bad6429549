import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AgentService } from "@dragoman/contract/agent/v1/agent_service_pb";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import { Health } from "@dragoman/contract/grpc/health/v1/health_pb";
import { AgentRegistryService } from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import { BatchService } from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import { ChatService } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { EventService } from "@dragoman/contract/orchestrator/v1/event_service_pb";
import { HumanInLoopService } from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { StateService } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { ToolService } from "@dragoman/contract/orchestrator/v1/tool_service_pb";

/**
 * The services of an agent host or an orchestrator as generated. A bare host serves only `agui`, `live` and
 * `health`.
 */
export interface TypedClients {
  readonly agui: Client<typeof AGUIService>;
  readonly loop: Client<typeof AgentService>;
  readonly live: Client<typeof LiveService>;
  readonly runs: Client<typeof RunService>;
  readonly sessions: Client<typeof SessionService>;
  readonly state: Client<typeof StateService>;
  readonly tools: Client<typeof ToolService>;
  readonly chat: Client<typeof ChatService>;
  readonly humanInLoop: Client<typeof HumanInLoopService>;
  readonly batches: Client<typeof BatchService>;
  readonly events: Client<typeof EventService>;
  readonly agentRegistry: Client<typeof AgentRegistryService>;
  readonly health: Client<typeof Health>;
}

/** Makes the typed clients over a transport. */
export function typedClients(transport: Transport): TypedClients {
  return {
    agui: createClient(AGUIService, transport),
    loop: createClient(AgentService, transport),
    live: createClient(LiveService, transport),
    runs: createClient(RunService, transport),
    sessions: createClient(SessionService, transport),
    state: createClient(StateService, transport),
    tools: createClient(ToolService, transport),
    chat: createClient(ChatService, transport),
    humanInLoop: createClient(HumanInLoopService, transport),
    batches: createClient(BatchService, transport),
    events: createClient(EventService, transport),
    agentRegistry: createClient(AgentRegistryService, transport),
    health: createClient(Health, transport),
  };
}
