import type { AguiEvent, Interrupt, RunAgentInput } from "@dragoman/agui";
import type { Stage } from "./stage.ts";

/** How a run ends; undefined for a plain success. */
export type Ending =
  | { readonly type: "pending"; readonly toolCallIds: string[] }
  | { readonly type: "interrupt"; readonly interrupts: Interrupt[] }
  | { readonly type: "error"; readonly code: string; readonly message: string }
  | undefined;

/** The events of a scene, without those that begin and end the run. */
export type Play = AsyncGenerator<AguiEvent, Ending>;

/** What a scene is asked. */
export interface Request {
  /** What the user said last, without politeness and punctuation around it. */
  readonly text: string;
  readonly input: RunAgentInput;
}

/** One thing that the assistant can do. */
export interface Scene {
  /** What it shows, as the assistant says it. Empty if it is not worth mentioning. */
  readonly about: string;
  /** Something to say that leads here. */
  readonly example: string;
  /** How to play it, if that is what is asked for. */
  match(request: Request): ((stage: Stage) => Play) | undefined;
}
