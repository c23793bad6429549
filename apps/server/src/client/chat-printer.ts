import type { AguiEvent } from "@dragoman/agui";
import type { Terminal } from "../terminal.ts";
import type { EventPrinter } from "./print-events.ts";

/**
 * Prints a chat for people: what agents do as ever, and what others say after their sign. What was said here is not
 * repeated.
 */
export function chatPrinter(
  printer: EventPrinter,
  terminal: Terminal,
  isOwn: (messageId: string) => boolean,
): (event: AguiEvent) => void {
  /** What somebody is saying, by the id of the message. */
  const said = new Map<string, string>();
  const printOther = (messageId: string, text: string) => {
    if (isOwn(messageId)) return;
    printer.end();
    terminal.out(terminal.dim(`> ${text}\n`));
  };
  return (event) => {
    switch (event.type) {
      case "RUN_STARTED":
        for (const { id, role, content } of event.input?.messages ?? [])
          if (role === "user" && typeof content === "string") printOther(id, content);
        return printer.print(event);
      case "TEXT_MESSAGE_START":
        if (event.role === "user") said.set(event.messageId, "");
        return said.has(event.messageId) ? undefined : printer.print(event);
      case "TEXT_MESSAGE_CONTENT": {
        const before = said.get(event.messageId);
        if (before === undefined) return printer.print(event);
        said.set(event.messageId, before + event.delta);
        return undefined;
      }
      case "TEXT_MESSAGE_END": {
        const text = said.get(event.messageId);
        if (text === undefined) return printer.print(event);
        said.delete(event.messageId);
        return printOther(event.messageId, text);
      }
      default:
        return printer.print(event);
    }
  };
}
