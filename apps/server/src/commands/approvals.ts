import { toJson } from "@bufbuild/protobuf";
import type { AgentClient } from "@dragoman/client";
import {
  type SessionInterrupt,
  SessionInterruptSchema,
} from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import type { Command } from "commander";
import { askAbout, canAsk, questionsOn } from "../client/ask-about.ts";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { interruptLine, stateName, whatIsAsked } from "../client/interrupt-text.ts";
import { printTable } from "../client/table.ts";
import { waitingInterrupts } from "../client/waiting-interrupts.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal } from "../terminal.ts";
import { addAnswers } from "./answers.ts";

interface ApprovalFlags extends ClientFlags {
  readonly session?: string;
  readonly run?: string;
  readonly agent?: string;
  readonly watch?: boolean;
  readonly ask: boolean;
  readonly json?: boolean;
}

/** Adds `dragoman approvals`. */
export function addApprovals(program: Command): void {
  const approvals = program
    .command("approvals")
    .summary("list and answer what agents ask people")
    .description("Lists what agents ask people, over all sessions. On a terminal it asks you, one by one.")
    .option("--session <id>", "only of this session")
    .option("--run <id>", "only of this run")
    .option("--agent <id>", "only of this agent")
    .option("--watch", "stay, and print each change")
    .option("--no-ask", "only list, also on a terminal")
    .option("--json", "one JSON object a line");
  withClientFlags(approvals)
    .addHelpText(
      "after",
      `
Examples:
  dragoman approvals
  dragoman approvals --watch --json
  dragoman approvals approve approve-7 --follow
  dragoman approvals approve approve-7 --edit '{"which": "done"}'
  dragoman approvals deny approve-7 --reason "not on a Friday"
  dragoman approvals answer colour --session s1 --input '"green"'
  dragoman approvals cancel colour`,
    )
    .action(async (flags: ApprovalFlags) => {
      process.exitCode = await withClient(flags, (client) =>
        flags.watch ? watch(client, flags) : list(client, flags),
      );
    });
  addAnswers(approvals);
}

function filterOf({ session = "", run = "", agent = "" }: ApprovalFlags) {
  return { sessionId: session, runId: run, agentId: agent };
}

async function list(client: AgentClient, flags: ApprovalFlags): Promise<number> {
  const terminal = processTerminal();
  const waiting = await waitingInterrupts(client, filterOf(flags));
  if (flags.json) {
    for (const one of waiting) terminal.out(`${jsonOf(one)}\n`);
    return exitCodes.ok;
  }
  if (flags.ask && canAsk())
    return askAbout(client, waiting, terminal, questionsOn(process.stdin, process.stdout));
  const rows = waiting.map((one) => [
    one.interrupt?.id ?? "",
    one.sessionId,
    one.agentId,
    stateName(one),
    whatIsAsked(one),
  ]);
  printTable(terminal, ["INTERRUPT", "SESSION", "AGENT", "STATE", "ASKS"], rows);
  return exitCodes.ok;
}

async function watch(client: AgentClient, flags: ApprovalFlags): Promise<number> {
  const terminal = processTerminal();
  const stop = new AbortController();
  onSignals(
    ["SIGINT"],
    () => stop.abort(),
    () => process.exit(exitCodes.failed),
  );
  const request = { filter: filterOf(flags) };
  try {
    for await (const { item } of client.humanInLoop.watchInterrupts(request, { signal: stop.signal })) {
      if (item.case !== "interrupt") continue;
      terminal.out(flags.json ? `${jsonOf(item.value)}\n` : `${interruptLine(item.value, terminal)}\n`);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return exitCodes.ok;
}

function jsonOf(one: SessionInterrupt): string {
  return JSON.stringify(toJson(SessionInterruptSchema, one));
}
