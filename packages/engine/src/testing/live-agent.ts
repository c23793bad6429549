import type { Agent, LiveInput, RunContext } from "@dragoman/agent";
import type { AguiEvent, Message, RunAgentInput } from "@dragoman/agui";

/** A live agent, and what it was told. */
export interface LiveTestAgent extends Agent {
  readonly runs: RunAgentInput[];
  readonly heard: LiveInput[];
}

/** What a user said, as text. */
export function textOf(message: Message | undefined): string {
  const { content } = message ?? {};
  if (typeof content === "string") return content;
  return Array.isArray(content)
    ? content.map((part) => (part.type === "text" ? part.text : "")).join("")
    : "";
}

/** Answers to a message in a run, in the words of the agents here. */
export function answerTo(message: Message): readonly AguiEvent[] {
  const messageId = `re-${message.id}`;
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `you said ${textOf(message)}` },
    { type: "TEXT_MESSAGE_END", messageId },
  ];
}

/**
 * An agent that answers the last message it was given, and then whatever it is told, until that is "stop", or the
 * last message was.
 */
export function liveAgent(): LiveTestAgent {
  const runs: RunAgentInput[] = [];
  const heard: LiveInput[] = [];
  return {
    live: true,
    runs,
    heard,
    async *run(input: RunAgentInput, { inputs, signal }: RunContext) {
      runs.push(input);
      const { threadId, runId } = input;
      const said = inputs?.[Symbol.asyncIterator]();
      const aborted = new Promise<undefined>((resolve) =>
        signal.addEventListener("abort", () => resolve(undefined), { once: true }),
      );
      let last = input.messages.findLast(({ role }) => role === "user");
      while (last) {
        yield* answerTo(last);
        if (textOf(last) === "stop" || !said) break;
        const next = await Promise.race([said.next(), aborted]);
        if (!next || next.done) break;
        heard.push(next.value);
        last = next.value.type === "message" ? next.value.message : last;
      }
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
}
