import type { AguiEvent } from "@dragoman/agui";

/** A call of the run. */
interface KnownCall {
  readonly name: string;
  /** As the agent wrote them in this run: an agent may use an id again, and then histories have both together. */
  args: string;
  /** Who answered: nobody yet, the agent or others before it was called again, or others so that it goes on. */
  answer: "none" | "known" | "fresh";
}

/** The tool calls of one run, as they are written, durable or not. */
export class RunCalls {
  readonly #calls = new Map<string, KnownCall>();
  readonly #hosted = new Set<string>();

  /** Takes an event that is written; `isOwn` if it is the agent's. */
  push(event: AguiEvent, isOwn: boolean): void {
    if (event.type === "TOOL_CALL_START" && isOwn) {
      // A call that has no result may be continued; after that its id names another one.
      if (this.isOpen(event.toolCallId)) return;
      this.#calls.set(event.toolCallId, { name: event.toolCallName, args: "", answer: "none" });
    } else if (event.type === "TOOL_CALL_ARGS" && isOwn) {
      const call = this.#calls.get(event.toolCallId);
      if (call) call.args += event.delta;
    } else if (event.type === "TOOL_CALL_RESULT") {
      const call = this.#calls.get(event.toolCallId);
      if (call) call.answer = "known";
    }
  }

  /** The calls of the agent that have no result, in their order. */
  open(): { readonly toolCallId: string; readonly toolName: string }[] {
    return [...this.#calls]
      .filter(([, { answer }]) => answer === "none")
      .map(([toolCallId, { name: toolName }]) => ({ toolCallId, toolName }));
  }

  /** Whether the agent made this call in this run. */
  has(toolCallId: string): boolean {
    return this.#calls.has(toolCallId);
  }

  /** The arguments of a call as the agent wrote them. */
  argsOf(toolCallId: string): string {
    return this.#calls.get(toolCallId)?.args ?? "";
  }

  /** Whether a call has no result yet. */
  isOpen(toolCallId: string): boolean {
    return this.#calls.get(toolCallId)?.answer === "none";
  }

  /** Marks a call as one that the server executes. */
  markHosted(toolCallId: string): void {
    this.#hosted.add(toolCallId);
  }

  /** Whether the server executes a call. */
  isHosted(toolCallId: string): boolean {
    return this.#hosted.has(toolCallId);
  }

  /** Marks the result of a call as one that the agent is to be called again with. */
  markFresh(toolCallId: string): void {
    const call = this.#calls.get(toolCallId);
    if (call) call.answer = "fresh";
  }

  /** Whether there is something that the agent may have to be called again for. */
  get needsHost(): boolean {
    for (const { answer } of this.#calls.values()) if (answer !== "known") return true;
    return false;
  }

  /** Whether the agent has to be called again with results. */
  get hasFresh(): boolean {
    for (const { answer } of this.#calls.values()) if (answer === "fresh") return true;
    return false;
  }

  /** The agent is called again: it is given all results there are. */
  calledAgain(): void {
    for (const call of this.#calls.values()) if (call.answer === "fresh") call.answer = "known";
  }
}
