import type { RunAgentInput } from "@dragoman/agui";
import type { Agent, AgentOutput, RunContext } from "./agent.ts";
import type { RunPipeline } from "./pipeline.ts";

/** What a host may say while an agent works. */
export interface DriveOptions {
  /**
   * Asked after each event. A promise holds the agent back until it settles: how a host slows an agent that
   * emits faster than its events can be taken. Default: never.
   */
  readonly backpressure?: () => Promise<void> | undefined;
}

/**
 * Runs an agent into a pipeline until the run has ended, or its end is held back: by its terminal event, by the end of its events, by
 * what it throws, or as cancelled when `context.signal` aborts, at once, whether or not the agent cares. The
 * pipeline has to be started before.
 *
 * What the pipeline itself throws, such as a failing `emit`, rejects; the agent is stopped before.
 */
export async function driveAgent(
  agent: Agent,
  input: RunAgentInput,
  context: RunContext,
  pipeline: RunPipeline,
  options: DriveOptions = {},
): Promise<void> {
  const { signal } = context;
  const reading: Reading = { isStopped: signal.aborted, iterator: undefined };
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    await Promise.race([read(reading, agent, input, context, pipeline, options), aborted]);
  } finally {
    reading.isStopped = true;
    void close(reading.iterator);
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
  if (signal.aborted) pipeline.cancel();
}

/** What goes on with an agent that is being read. */
interface Reading {
  /** Nothing more is taken. A flag, because it is looked at for every event. */
  isStopped: boolean;
  iterator: AsyncIterator<AgentOutput> | undefined;
}

/** Reads the agent's events until it is stopped. Only what the pipeline throws rejects. */
async function read(
  reading: Reading,
  agent: Agent,
  input: RunAgentInput,
  context: RunContext,
  pipeline: RunPipeline,
  options: DriveOptions,
): Promise<void> {
  while (!reading.isStopped) {
    let result: IteratorResult<AgentOutput>;
    try {
      reading.iterator ??= iterate(agent.run(input, context));
      result = await reading.iterator.next();
    } catch (error) {
      if (!reading.isStopped) pipeline.fail(error);
      return;
    }
    if (reading.isStopped) return;
    if (result.done) return pipeline.finish();
    pipeline.push(result.value);
    if (pipeline.isEnded || pipeline.held !== undefined) return;
    const held = options.backpressure?.();
    if (held !== undefined) await held;
  }
}

function iterate(events: AsyncIterable<AgentOutput> | undefined): AsyncIterator<AgentOutput> {
  const iterator = events?.[Symbol.asyncIterator]?.();
  if (iterator === undefined)
    throw new TypeError("The agent's run returns no events: write it as async *run().");
  return iterator;
}

/** Lets a generator run its `finally` blocks. Nobody waits for it, and what it throws has nobody to go to. */
async function close(iterator: AsyncIterator<AgentOutput> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // The run has ended already.
  }
}
