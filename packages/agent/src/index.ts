export type { Agent, AgentOutput, EncodedEvent, RunContext } from "./agent.ts";
export { areLive, capabilitiesOf } from "./capabilities.ts";
export { type DriveOptions, driveAgent } from "./drive-agent.ts";
export { AgentError, AgentUnavailableError, runErrorCodes } from "./errors.ts";
export {
  type HandedInputs,
  type LiveInput,
  type LiveInputSource,
  LiveInputs,
  type LiveInputsOptions,
} from "./live-inputs.ts";
export {
  createRunPipeline,
  type PipelineWarning,
  type RunPipeline,
  type RunPipelineOptions,
} from "./pipeline.ts";
export { type Silence, watchSilence } from "./silence.ts";
export type { Spawn, SpawnOptions, SpawnResult } from "./spawn.ts";
