export { type AgentDirectory, createAgentDirectory, type NamedAgent } from "./agent-directory.ts";
export { Batches, type BatchesOptions } from "./batch/batches.ts";
export type { BatchLimits } from "./batch/limits.ts";
export { toConnectError } from "./errors.ts";
export type { OrchestratorOptions } from "./options.ts";
export {
  AgentRegistry,
  type AgentRegistryOptions,
  openAgentRegistry,
  type Registration,
} from "./registry/agent-registry.ts";
export type { RegistryLimits } from "./registry/limits.ts";
export { createServices, type ServiceEntry } from "./services.ts";
