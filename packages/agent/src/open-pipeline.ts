import type { RunErrorEvent } from "@dragoman/agui";
import type { AgentOutput } from "./agent.ts";
import type { RunPipeline, RunPipelineOptions } from "./pipeline.ts";
import { isEncoded } from "./read-output.ts";
import { runError, runErrorOf } from "./run-error.ts";

/** Passes everything as it is. What the host itself has to say about a lost agent is still said. */
export class OpenPipeline implements RunPipeline {
  readonly #options: RunPipelineOptions;
  readonly held = undefined;
  isEnded = false;
  droppedCount = 0;

  constructor(options: RunPipelineOptions) {
    this.#options = options;
  }

  inject(): void {}

  goOn(): void {}

  release(): void {}

  push(output: AgentOutput): void {
    if (this.isEnded) {
      this.droppedCount += 1;
      this.#options.onDropped?.(output);
    } else if (isEncoded(output)) {
      this.#options.emit(output.event, output.bytes);
    } else {
      this.#options.emit(output, undefined);
    }
  }

  finish(): void {
    this.isEnded = true;
  }

  fail(error: unknown): void {
    this.#end(runErrorOf(error));
  }

  cancel(): void {
    // Not RUN_FINISHED: nobody knows what is open, and only RUN_ERROR may come with something open.
    this.#end(runError("cancelled", "The run was cancelled."));
  }

  #end(terminal: RunErrorEvent): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#options.emit(terminal, undefined);
  }
}
