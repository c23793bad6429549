import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { AgentService } from "@dragoman/contract/agent/v1/agent_service_pb";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import { AgentRegistryService } from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import { BatchService } from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import { ChatService } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { EventService } from "@dragoman/contract/orchestrator/v1/event_service_pb";
import { HumanInLoopService } from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { StateService } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { ToolService } from "@dragoman/contract/orchestrator/v1/tool_service_pb";
import { createAgentRegistryService } from "./agent-registry-service.ts";
import { createAgentService } from "./agent-service.ts";
import { createAguiService } from "./agui-service.ts";
import { createBatchService } from "./batch-service.ts";
import { createChatService } from "./chat-service.ts";
import { createEventService } from "./event-service.ts";
import { createHumanInLoopService } from "./human-in-loop-service.ts";
import { createLiveService } from "./live-service.ts";
import { completeOptions, type OrchestratorOptions } from "./options.ts";
import { createRunService } from "./run-service.ts";
import { createSessionService } from "./session-service.ts";
import { createStateService } from "./state-service.ts";
import { createToolService } from "./tool-service.ts";

/** A service with what serves it. */
export interface ServiceEntry<S extends DescService = DescService> {
  readonly service: S;
  readonly implementation: Partial<ServiceImpl<S>>;
}

/** Makes every service of an orchestrator. */
export function createServices(options: OrchestratorOptions): ServiceEntry[] {
  const complete = completeOptions(options);
  return [
    entry(AGUIService, createAguiService(complete)),
    entry(AgentService, createAgentService(complete)),
    entry(LiveService, createLiveService(complete)),
    entry(RunService, createRunService(complete)),
    entry(SessionService, createSessionService(complete)),
    entry(HumanInLoopService, createHumanInLoopService(complete)),
    entry(EventService, createEventService(complete)),
    entry(StateService, createStateService(complete)),
    entry(ToolService, createToolService(complete)),
    ...(options.batches ? [entry(BatchService, createBatchService(complete, options.batches))] : []),
    entry(ChatService, createChatService(complete)),
    ...(options.registry
      ? [entry(AgentRegistryService, createAgentRegistryService(options.registry, complete))]
      : []),
  ];
}

function entry<S extends DescService>(service: S, implementation: ServiceImpl<S>): ServiceEntry {
  return { service, implementation: implementation as Partial<ServiceImpl<DescService>> };
}
