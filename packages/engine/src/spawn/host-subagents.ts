import type { AguiEvent } from "@dragoman/agui";
import { subagentCancelled } from "./subagent-events.ts";

/**
 * The sub-agents of a run that its host started, not its agent. The agent does not know them and ends its run
 * without a thought for them: those that are open are closed before.
 */
export class HostSubagents {
  readonly #open = new Set<string>();
  /** All of the run, whoever started them. */
  readonly #known = new Set<string>();

  /** Whether the run shows, or showed, a sub-agent of that id. */
  has(subagentRunId: string): boolean {
    return this.#known.has(subagentRunId);
  }

  /** Takes an event that the host added to the run. */
  injected(event: AguiEvent): void {
    if (event.type === "SUBAGENT_STARTED") this.#open.add(event.subagentRunId);
  }

  /** Takes an event of the run, whoever made it. */
  emitted(event: AguiEvent): void {
    if (event.type === "SUBAGENT_STARTED") this.#known.add(event.subagentRunId);
    if (this.#open.size === 0) return;
    if (event.type === "SUBAGENT_FINISHED" || event.type === "SUBAGENT_ERROR")
      this.#open.delete(event.subagentRunId);
  }

  /** The events that close those that are open, the last one first. */
  closers(): AguiEvent[] {
    const message = "The run ended before this subagent finished.";
    return [...this.#open].reverse().map((id) => subagentCancelled(id, message));
  }
}
