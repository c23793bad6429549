import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { listAgents, printAgents, protocolOf, watchAgents } from "../client/agents.ts";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { durationOf } from "../duration.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { jsonOption } from "./lists.ts";

interface AgentFlags extends ClientFlags {
  readonly json?: boolean;
}

interface AddFlags extends AgentFlags {
  readonly description?: string;
  readonly protocol: string;
  readonly remoteAgent?: string;
  readonly header?: readonly string[];
  readonly replace?: boolean;
}

interface RemoveFlags extends AgentFlags {
  readonly endpoint?: string;
  readonly grace?: string;
}

/** Adds `dragoman agents` with its verbs; `list` is what it does without one. */
export function addAgents(program: Command): void {
  const agents = program
    .command("agents")
    .summary("list, add, remove and watch agents")
    .description("Lists the agents of a server, the default one first; or registers agents there.")
    .usage("[command] [options]")
    .addHelpText(
      "after",
      `
Examples:
  dragoman agents
  dragoman agents add helper 127.0.0.1:7001 127.0.0.1:7002 --description "Helps."
  dragoman agents add coder https://agents.example --protocol connect --header "authorization=Bearer $TOKEN"
  dragoman agents remove helper --endpoint 127.0.0.1:7001 --grace 30s
  dragoman agents watch --json`,
    );
  addList(agents);
  addAdd(agents);
  addRemove(agents);
  addWatch(agents);
}

function addList(agents: Command): void {
  const list = agents
    .command("list", { isDefault: true })
    .description("Lists agents with their endpoints, the default one first.")
    .option(...jsonOption);
  withClientFlags(list).action(async (flags: AgentFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      printAgents(await listAgents(client), flags);
      return exitCodes.ok;
    });
  });
}

function addAdd(agents: Command): void {
  const add = agents
    .command("add")
    .description(
      "Registers an agent, with one endpoint or several. Each run goes to the healthy one with the fewest.",
    )
    .argument("<agent>", "the id to run it by")
    .argument("<target...>", "where its hosts are: host:port, or a URL")
    .option("--description <text>", "what it is for; as its host says, if not given")
    .option("--protocol <name>", "grpc, grpc-web or connect", "grpc")
    .option("--remote-agent <id>", "the agent of its hosts; their default one, if not given")
    .option("--header <name=value>", "a header of every call, such as credentials; repeatable", collect)
    .option("--replace", "replace an agent that is registered otherwise; its runs go on")
    .option(...jsonOption);
  withClientFlags(add).action(async (agentId: string, targets: string[], flags: AddFlags) => {
    const protocol = protocolOf(flags.protocol);
    const headers = headersOf(flags.header ?? []);
    const { description = "", replace = false, remoteAgent: remoteAgentId = "" } = flags;
    const endpoints = targets.map((target) => ({ target, protocol, remoteAgentId, headers }));
    process.exitCode = await withClient(flags, async (client) => {
      const { agent } = await client.agentRegistry.registerAgent({
        agentId,
        description,
        endpoints,
        replace,
      });
      if (agent) printAgents([agent], flags);
      return exitCodes.ok;
    });
  });
}

function addRemove(agents: Command): void {
  const remove = agents
    .command("remove")
    .description("Takes an agent, or one of its endpoints, away when the runs that it has are over.")
    .argument("<agent>", "the agent")
    .option("--endpoint <target>", "only this endpoint of it")
    .option(
      "--grace <time>",
      "how long its runs may go on, such as 30s, or 0; as long as they take, if not given",
    )
    .option(...jsonOption);
  withClientFlags(remove).action(async (agentId: string, flags: RemoveFlags) => {
    const { endpoint: target = "" } = flags;
    const graceMs = flags.grace === undefined ? undefined : graceOf(flags.grace);
    const grace = graceMs === undefined ? {} : { grace: durationFromMs(graceMs) };
    process.exitCode = await withClient(flags, async (client) => {
      const { agent } = await client.agentRegistry.deregisterAgent({ agentId, target, ...grace });
      if (agent) printAgents([agent], flags);
      else if (!flags.json) processTerminal().out(`${agentId} is gone\n`);
      return exitCodes.ok;
    });
  });
}

function addWatch(agents: Command): void {
  const watch = agents
    .command("watch")
    .description("Prints the agents as they are, then each that changes, until Ctrl-C.")
    .argument("[agent]", "only this agent")
    .option(...jsonOption);
  withClientFlags(watch).action(async (agentId: string | undefined, flags: AgentFlags) => {
    const stop = new AbortController();
    const leave = () => process.exit(exitCodes.failed);
    onSignals(["SIGINT"], () => stop.abort(), leave);
    process.exitCode = await withClient(flags, async (client) => {
      await watchAgents(client, agentId ?? "", flags, stop.signal);
      return exitCodes.ok;
    });
  });
}

/** Reads --header. What is wrong with one is said without its value. */
function headersOf(entries: readonly string[]): Record<string, string> {
  const headers = entries.map((entry) => {
    const at = entry.indexOf("=");
    if (at > 0) return [entry.slice(0, at), entry.slice(at + 1)] as const;
    throw new UsageError('--header takes <name>=<value>, such as --header "authorization=Bearer $TOKEN".');
  });
  return Object.fromEntries(headers);
}

function graceOf(text: string): number {
  return text === "0" ? 0 : durationOf("--grace", text);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
