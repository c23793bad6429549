import type { AguiEvent } from "@dragoman/agui";
import { LlmError } from "./errors.ts";
import type { CallDelta } from "./read-chunk.ts";

/** A call that the model asks for. */
export interface ToolRequest {
  readonly id: string;
  readonly name: string;
  /** What the model wrote; JSON, if it wrote well. */
  readonly args: string;
}

/** Puts the pieces of an answer's tool calls together. */
export interface CallReader {
  push(delta: CallDelta): AguiEvent[];
  /** The ends of all calls. Throws `LlmError` for a call without a name. */
  finish(): AguiEvent[];
  requests(): ToolRequest[];
}

interface Call {
  readonly id: string;
  /** What the endpoint calls it. */
  readonly suggestedId: string;
  name: string;
  args: string;
}

/** Makes a reader for the calls of the message `parentMessageId`. */
export function createCallReader(parentMessageId: string, callId: (suggested: string) => string): CallReader {
  const calls: Call[] = [];
  const current = new Map<number, Call>();

  function callOf(delta: CallDelta): Call {
    const known = current.get(delta.index);
    // Some endpoints give all parallel calls the index 0, and a name and an id of its own to each.
    const another = delta.name !== "" && delta.id !== "" && delta.id !== known?.suggestedId;
    if (known && !another) return known;
    const call: Call = { id: callId(delta.id), suggestedId: delta.id, name: "", args: "" };
    current.set(delta.index, call);
    calls.push(call);
    return call;
  }

  return {
    push(delta) {
      const call = callOf(delta);
      const started = call.name !== "";
      call.name ||= delta.name;
      call.args += delta.args;
      if (call.name === "") return [];
      if (started) return argsEvents(call.id, delta.args);
      const { id: toolCallId, name: toolCallName } = call;
      return [
        { type: "TOOL_CALL_START", toolCallId, toolCallName, parentMessageId },
        ...argsEvents(toolCallId, call.args),
      ];
    },
    finish() {
      if (calls.some(({ name }) => name === "")) {
        throw new LlmError("LLM_MALFORMED", "The model called a tool without saying which.");
      }
      return calls.map(({ id }) => ({ type: "TOOL_CALL_END", toolCallId: id }));
    },
    requests: () => calls.map(({ id, name, args }) => ({ id, name, args })),
  };
}

function argsEvents(toolCallId: string, delta: string): AguiEvent[] {
  return delta === "" ? [] : [{ type: "TOOL_CALL_ARGS", toolCallId, delta }];
}
