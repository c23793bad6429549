import { type AguiEvent, encodeEventJson } from "@dragoman/agui";
import { exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

/** Writes the events of a stream for people, or as JSON lines for programs. */
export interface EventPrinter {
  print(event: AguiEvent): void;
  /** Ends an open line. */
  end(): void;
  /** What the last run came to, as an exit code. */
  readonly exitCode: number;
}

/** One AG-UI JSON event a line. */
export function jsonPrinter(terminal: Terminal): EventPrinter {
  let exitCode: number = exitCodes.ok;
  return {
    print(event) {
      exitCode = exitCodeOf(event, exitCode);
      terminal.out(`${encodeEventJson(event)}\n`);
    },
    end() {},
    get exitCode() {
      return exitCode;
    },
  };
}

/** The answer as it comes; what happens around it dimmed, a line each. */
export function readablePrinter(terminal: Terminal): EventPrinter {
  let exitCode: number = exitCodes.ok;
  let isInLine = false;
  const callArguments = new Map<string, { name: string; text: string }>();
  const line = (text: string) => {
    if (isInLine) terminal.out("\n");
    isInLine = false;
    terminal.out(`${text}\n`);
  };
  const write = (text: string) => {
    if (text === "") return;
    terminal.out(text);
    isInLine = !text.endsWith("\n");
  };
  const breakLine = () => {
    if (isInLine) terminal.out("\n");
    isInLine = false;
  };
  const printCall = (id: string) => {
    const call = callArguments.get(id);
    callArguments.delete(id);
    if (call) line(terminal.dim(`→ ${call.name}(${shorten(call.text)})`));
  };
  const print = (event: AguiEvent) => {
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
        return write(event.delta);
      case "REASONING_MESSAGE_CONTENT":
        return write(terminal.dim(event.delta));
      case "TEXT_MESSAGE_END":
      case "REASONING_MESSAGE_END":
        return breakLine();
      case "TOOL_CALL_START":
        callArguments.set(event.toolCallId, { name: event.toolCallName, text: "" });
        return;
      case "TOOL_CALL_ARGS": {
        const call = callArguments.get(event.toolCallId);
        if (call) call.text += event.delta;
        return;
      }
      case "TOOL_CALL_END":
        return printCall(event.toolCallId);
      default: {
        const note = noteOf(event, terminal);
        if (note !== undefined) line(note);
      }
    }
  };
  return {
    print(event) {
      exitCode = exitCodeOf(event, exitCode);
      print(event);
    },
    end: breakLine,
    get exitCode() {
      return exitCode;
    },
  };
}

function noteOf(event: AguiEvent, terminal: Terminal): string | undefined {
  const { dim, red, bold } = terminal;
  switch (event.type) {
    case "TOOL_CALL_RESULT":
      return dim(
        `← ${shorten(typeof event.content === "string" ? event.content : JSON.stringify(event.content))}`,
      );
    case "STATE_SNAPSHOT":
      return dim(`state ${shorten(JSON.stringify(event.snapshot))}`);
    case "STATE_DELTA":
      return dim(`state ${shorten(JSON.stringify(event.delta))}`);
    case "STEP_STARTED":
      return dim(`· ${event.stepName}`);
    case "SUBAGENT_STARTED":
      return dim(`⤷ ${event.name}`);
    case "SUBAGENT_ERROR":
      return red(`⤶ ${event.message}`);
    case "RUN_ERROR":
      return red(`The run failed: ${event.message}${event.code ? ` (${event.code})` : ""}`);
    case "RUN_FINISHED":
      if (event.outcome?.type === "cancelled") return dim("The run was cancelled.");
      if (event.outcome?.type !== "interrupt") return undefined;
      return event.outcome.interrupts
        .map((one) => bold(`The run waits for an answer to ${one.id}: ${one.message ?? one.reason}`))
        .join("\n");
    default:
      return undefined;
  }
}

function exitCodeOf(event: AguiEvent, before: number): number {
  if (event.type === "RUN_STARTED") return exitCodes.ok;
  if (event.type === "RUN_ERROR") return exitCodes.failed;
  if (event.type !== "RUN_FINISHED") return before;
  if (event.outcome?.type === "interrupt") return exitCodes.interrupted;
  return event.outcome?.type === "cancelled" ? exitCodes.cancelled : exitCodes.ok;
}

function shorten(text: string): string {
  const oneLine = text.replace(/\s+/g, " ");
  return oneLine.length > 200 ? `${oneLine.slice(0, 199)}…` : oneLine;
}
