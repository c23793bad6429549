import { createInterface } from "node:readline/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { type AgentClient, toValue } from "@dragoman/client";
import type { ResolveInterruptRequest } from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { InterruptState, type SessionInterrupt } from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import { exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { explainCallError } from "./call-error.ts";
import { CommandError } from "./command-error.ts";
import { interruptLine, outcomeText } from "./interrupt-text.ts";

/** Asks whoever sits at the terminal. */
export interface Questions {
  /** What was typed; undefined where there is nobody any more. */
  ask(question: string): Promise<string | undefined>;
  close(): void;
}

type Decision = ResolveInterruptRequest["decision"];

/** Whether somebody sits at the terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Asks line by line. */
export function questionsOn(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Questions {
  const lines = createInterface({ input, output });
  const closed = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
  return {
    ask: (question) => Promise.race([lines.question(question), closed]),
    close: () => lines.close(),
  };
}

/** Asks about each interrupt, and gives the answers to the server. */
export async function askAbout(
  client: AgentClient,
  waiting: readonly SessionInterrupt[],
  terminal: Terminal,
  questions: Questions,
): Promise<number> {
  if (waiting.length === 0) terminal.out("Nothing waits for an answer.\n");
  try {
    for (const one of waiting) {
      terminal.out(`${interruptLine(one, terminal)}\n`);
      if (!(await answerOne(client, one, terminal, questions))) break;
    }
  } finally {
    questions.close();
  }
  return exitCodes.ok;
}

/** Asks until the answer is taken, or somebody skips it; false if they want no more. */
async function answerOne(
  client: AgentClient,
  one: SessionInterrupt,
  terminal: Terminal,
  questions: Questions,
): Promise<boolean> {
  for (;;) {
    const typed = await questions.ask(choices(one));
    if (typed === undefined || /^q(uit)?$/i.test(typed.trim())) return false;
    if (/^s(kip)?$/i.test(typed.trim())) return true;
    const decision = await decisionOf(typed.trim(), questions);
    if (!decision) {
      terminal.error("That is none of the answers.\n");
      continue;
    }
    const { sessionId, runId, interrupt } = one;
    const request = { sessionId, runId, interruptId: interrupt?.id ?? "", decision };
    try {
      terminal.out(`${outcomeText(await client.humanInLoop.resolveInterrupt(request))}\n`);
      return true;
    } catch (error) {
      const told = explainCallError(error, "the server");
      if (!(told instanceof CommandError) || told.exitCode !== exitCodes.failed) throw error;
      terminal.error(`${told.message}\n`);
    }
  }
}

function choices({ state, toolName }: SessionInterrupt): string {
  if (state === InterruptState.EXPIRED) return "[c]ancel, [s]kip or [q]uit? ";
  const edit = toolName === "" ? "" : "[e]dit the arguments, ";
  return `[y]es, [n]o, ${edit}[i]nput, [c]ancel, [s]kip or [q]uit? `;
}

/** What was meant; undefined if it cannot be known. */
async function decisionOf(typed: string, questions: Questions): Promise<Decision | undefined> {
  switch (typed.toLowerCase()) {
    case "y":
    case "yes":
      return { case: "approve", value: {} as never };
    case "n":
    case "no": {
      const reason = (await questions.ask("Why? ")) ?? "";
      return { case: "deny", value: { reason } as never };
    }
    case "e":
    case "edit": {
      const edited = parse(await questions.ask("The arguments, as a JSON object: "));
      if (edited === null || typeof edited !== "object" || Array.isArray(edited)) return undefined;
      return { case: "approve", value: { editedArguments: edited as JsonObject } as never };
    }
    case "i":
    case "input": {
      const input = parse(await questions.ask("The answer, as JSON: "));
      return input === undefined ? undefined : { case: "input", value: toValue(input as never) };
    }
    case "c":
    case "cancel":
      return { case: "cancel", value: {} as never };
    default:
      return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
