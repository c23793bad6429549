import type { ContentPart, Message, RunAgentInput } from "../types.ts";
import type { ConversionWarning } from "./profile.ts";

/**
 * A message as peers of AG-UI 0.x can read it: a tool's answer is text, the text of its parts joined, and
 * parts whose content lies with a provider ("file" sources) are left out. What fits is returned as it is.
 *
 * 0.x clients send their messages back with every run, so a server that compares them with its own has to
 * compare with this form.
 */
export function downgradeMessage(message: Message, onWarning: ConversionWarning = () => {}): Message {
  if (message.role === "tool" && Array.isArray(message.content)) {
    return { ...message, content: joinText(message.content, `Tool message '${message.id}'`, onWarning) };
  }
  if (message.role !== "user" || !Array.isArray(message.content)) return message;
  const content = message.content.filter((part) => part.type === "text" || part.source.type !== "file");
  if (content.length === message.content.length) return message;
  onWarning(`User message '${message.id}' loses ${message.content.length - content.length} file parts.`);
  return { ...message, content };
}

/** The text of parts, joined. A downgrade invents nothing, so nothing stands in for media. */
export function joinText(parts: readonly ContentPart[], what: string, onWarning: ConversionWarning): string {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  if (texts.length < parts.length)
    onWarning(`${what} loses ${parts.length - texts.length} parts that are no text.`);
  return texts.join("");
}

/**
 * A run's input as agents of AG-UI 0.x can read it: messages downgraded, lists that they require present, the
 * declaration of a version absent. What 1.0 agents are given is not touched, so call it only for 0.x.
 */
export function downgradeInput(input: RunAgentInput, onWarning: ConversionWarning = () => {}): RunAgentInput {
  const { protocolVersion: _, ...rest } = input;
  return {
    ...rest,
    messages: input.messages.map((message) => downgradeMessage(message, onWarning)),
    state: input.state ?? {},
    tools: input.tools ?? [],
    context: input.context ?? [],
    forwardedProps: input.forwardedProps ?? {},
  };
}
