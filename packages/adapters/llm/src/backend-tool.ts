import type { JsonObject, RunAgentInput } from "@dragoman/agui";

/** What a tool is given besides its arguments. */
export interface ToolContext {
  /** Aborts when the run is cancelled or the tool takes longer than `toolTimeoutMs`; its result is then not used. */
  readonly signal: AbortSignal;
  /** The id of the call, unique in the session. */
  readonly toolCallId: string;
  /** What the run began with. */
  readonly input: RunAgentInput;
}

/** A tool that runs here, within the run, as opposed to those that clients bring in `input.tools`. */
export interface BackendTool {
  /** What the model calls it; letters, digits, `_` and `-`. A client's tool of the same name is left out. */
  readonly name: string;
  /** What it does, written for the model. */
  readonly description: string;
  /** JSON Schema of the arguments. Default: an object without properties. */
  readonly parameters?: JsonObject;
  /**
   * Runs it. The arguments are what the model wrote: an object, but not checked against the schema. The result goes
   * back to the model, text as it is and anything else as JSON. What it throws goes back to the model as an error.
   */
  execute(args: JsonObject, context: ToolContext): unknown;
}
