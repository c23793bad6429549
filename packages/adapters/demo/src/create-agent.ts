import type { Agent, RunContext } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { choosePlay } from "./choose-play.ts";
import type { Ending } from "./scene.ts";
import { approvalTools } from "./scenes/approval.ts";
import { researcher } from "./scenes/research.ts";
import { createStage, type Stage, type StageOptions } from "./stage.ts";

/** What `createAgent` takes. Set by the program that registers the agent. */
export interface DemoOptions {
  /** The pause between two words, in milliseconds: 0 to 10000. Default 15. */
  readonly paceMs?: number;
  /** Makes all ids. Default random UUIDs; a test may count. */
  readonly newId?: () => string;
  /** The clock, read only when somebody asks for the time. Default the real one. */
  readonly now?: () => Date;
}

/**
 * Makes a deterministic assistant that needs no key and no service. It understands a handful of requests, each of
 * which shows something that AG-UI can do; ask it "what can you do?".
 *
 * The same input gives the same events but for ids and the time of day. Throws `TypeError` for options out of range.
 */
export function createAgent(options: DemoOptions = {}): Agent {
  const { paceMs = 15, newId = () => crypto.randomUUID(), now = () => new Date() } = options;
  if (!(paceMs >= 0 && paceMs <= 10_000)) {
    throw new TypeError(`paceMs must be a number from 0 to 10000, it is ${paceMs}`);
  }
  return {
    kind: "demo",
    description: 'A deterministic assistant that shows what AG-UI can do. Ask it "what can you do?".',
    capabilities: () => ({
      identity: { name: "demo", type: "demo" },
      transport: { streaming: true },
      tools: { supported: true, items: approvalTools, clientProvided: true },
      state: { snapshots: true, deltas: true },
      multiAgent: { supported: true, delegation: true, subagents: [researcher] },
      reasoning: { supported: true, streaming: true },
      humanInTheLoop: { supported: true, approvals: true, interrupts: true, approveWithEdits: true },
    }),
    live: true,
    run: (input, context) => perform(input, { paceMs, newId, now }, context),
  };
}

async function* perform(
  input: RunAgentInput,
  options: StageOptions,
  context: RunContext,
): AsyncGenerator<AguiEvent, void> {
  const { signal } = context;
  if (signal.aborted) return;
  const stage = createStage(input, options, context);
  yield stage.events.runStarted();
  try {
    const ending = yield* choosePlay(input)(stage);
    yield terminalOf(stage, ending);
  } catch (error) {
    // A cancelled run is its host's to end.
    if (!signal.aborted) throw error;
  }
}

function terminalOf({ events }: Stage, ending: Ending): AguiEvent {
  switch (ending?.type) {
    case undefined:
      return events.finish();
    case "pending":
      return events.finish({ pendingToolCallIds: ending.toolCallIds });
    case "interrupt":
      return events.interrupt(ending.interrupts);
    case "error":
      return events.fail(ending.message, ending.code);
  }
}
