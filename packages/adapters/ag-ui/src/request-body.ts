import type { RunAgentInput } from "@dragoman/agui";

/**
 * The input as an upstream is sent it. What versions before 1.0 require is always there, as stock clients send it;
 * activity messages are not, because they are the client's own.
 */
export function requestBody(input: RunAgentInput, protocolVersion: "1.0" | "0.x"): string {
  return JSON.stringify({
    ...input,
    protocolVersion: protocolVersion === "1.0" ? protocolVersion : undefined,
    messages: input.messages.filter((message) => message.role !== "activity"),
    state: input.state ?? {},
    tools: input.tools ?? [],
    context: input.context ?? [],
    forwardedProps: input.forwardedProps ?? {},
  });
}
