export { type AgentDirectory, createAgentDirectory, type NamedAgent } from "./agent-directory.ts";
export { toConnectError } from "./errors.ts";
export type { OrchestratorOptions } from "./options.ts";
export { createServices, type ServiceEntry } from "./services.ts";
