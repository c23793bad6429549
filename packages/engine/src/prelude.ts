import type { AguiEvent } from "@dragoman/agui";
import type { SessionFold } from "./fold.ts";

/** What a reader that holds nothing is given before the tail; see orchestrator.v1.AttachMode. */
export interface Prelude {
  /** Events that rebuild what a reader would hold, in an order that AG-UI's clients accept. */
  readonly events: readonly AguiEvent[];
  /** The sequence that they stand for. The tail follows after it. */
  readonly sequence: number;
}

/** Returns the prelude for a reader that attaches now. */
export function preludeOf(fold: SessionFold): Prelude {
  return { events: fold.prelude(), sequence: fold.sequence };
}
