import { applyPatch, type Json } from "@dragoman/agui";
import { type AgentClient, fromStatePatch, fromValue, toStatePatch, toValue } from "@dragoman/client";
import type { UpdateStateRequest } from "@dragoman/contract/orchestrator/v1/state_service_pb";
import type { Command } from "commander";
import { type ClientFlags, withClient, withClientFlags } from "../client/connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface StateFlags extends ClientFlags {
  readonly json?: boolean;
}

interface ChangeFlags extends StateFlags {
  readonly ifRevision?: string;
}

type Change = UpdateStateRequest["change"];

/** Adds `dragoman state`. */
export function addState(program: Command): void {
  const state = program
    .command("state")
    .summary("read, change and watch the shared state of a session")
    .description("Reads, changes and watches the shared state of a session.")
    .addHelpText(
      "after",
      `
Keys are JSON Pointers, such as /cart/items/0.

Examples:
  dragoman state get s1
  dragoman state get s1 /cart/items
  dragoman state set s1 /cart/items '["milk"]'
  dragoman state merge s1 '{"theme": "dark", "draft": null}'
  dragoman state watch s1 /cart`,
    );
  addReads(state);
  addChanges(state);
}

function addReads(state: Command): void {
  const get = state
    .command("get")
    .description("Prints the state, or the parts that keys name.")
    .argument("<session>", "the session")
    .argument("[keys...]", "JSON Pointers to the parts that are wanted")
    .option("--json", "one line, with the revision");
  withClientFlags(get).action(async (sessionId: string, keys: string[], flags: StateFlags) => {
    process.exitCode = await withClient(flags, async (client) => {
      const { state: value, revision } = await client.state.getState({ sessionId, keys: checkKeys(keys) });
      print(processTerminal(), flags, fromValue(value), revision);
      return exitCodes.ok;
    });
  });
  const watch = state
    .command("watch")
    .description("Prints the state as it is, and again whenever it changes. Ctrl-C ends it.")
    .argument("<session>", "the session")
    .argument("[keys...]", "JSON Pointers to the parts that are wanted")
    .option("--json", "one line for each change, with the revision");
  withClientFlags(watch).action(async (sessionId: string, keys: string[], flags: StateFlags) => {
    process.exitCode = await withClient(flags, (client) =>
      watchState(client, sessionId, checkKeys(keys), flags),
    );
  });
}

function addChanges(state: Command): void {
  const command = (name: string, description: string, argument: string, meaning: string) => {
    const made = state.command(name).description(description).argument("<session>", "the session");
    if (name === "set") made.argument("<key>", 'a JSON Pointer; "" is the whole');
    if (argument !== "") made.argument(argument, meaning);
    made.option("--if-revision <n>", "change only a state of this revision");
    return withClientFlags(made.option("--json", "one line, with the revision"));
  };
  command("set", "Sets one part of the state.", "<value>", "JSON").action(
    (sessionId: string, key: string, text: string, flags: ChangeFlags) => {
      const value = readJson("<value>", text);
      const [path = ""] = checkKeys([key]);
      if (path === "") return change(sessionId, { case: "replacement", value: toValue(value) }, flags);
      return change(sessionId, patchOf([{ op: "add", path, value }]), flags);
    },
  );
  command("merge", "Merges an object into the state: null removes a member.", "<object>", "JSON").action(
    (sessionId: string, text: string, flags: ChangeFlags) =>
      change(sessionId, { case: "mergePatch", value: toValue(readJson("<object>", text)) }, flags),
  );
  command("patch", "Applies a JSON Patch (RFC 6902) to the state.", "<operations>", "a JSON list").action(
    (sessionId: string, text: string, flags: ChangeFlags) => {
      const operations = readJson("<operations>", text);
      if (!Array.isArray(operations)) throw new UsageError("<operations> takes a JSON list of operations.");
      return change(sessionId, patchOf(operations), flags);
    },
  );
}

async function change(sessionId: string, wanted: Change, flags: ChangeFlags): Promise<void> {
  const ifRevision = flags.ifRevision === undefined ? undefined : revisionOf(flags.ifRevision);
  process.exitCode = await withClient(flags, async (client) => {
    const request = { sessionId, change: wanted, ...(ifRevision !== undefined && { ifRevision }) };
    const { state, revision } = await client.state.updateState(request);
    print(processTerminal(), flags, fromValue(state), revision);
    return exitCodes.ok;
  });
}

/** Watches over whatever cuts the connection: a watch that begins again begins with the whole state. */
async function watchState(
  client: AgentClient,
  sessionId: string,
  keys: readonly string[],
  flags: StateFlags,
): Promise<number> {
  const terminal = processTerminal();
  const stop = new AbortController();
  onSignals(
    ["SIGINT"],
    () => stop.abort(),
    () => process.exit(exitCodes.failed),
  );
  let state: Json;
  try {
    for await (const { item, revision } of client.state.watchState(
      { sessionId, keys: [...keys] },
      { signal: stop.signal },
    )) {
      if (item.case === "snapshot") state = fromValue(item.value) as Json;
      else if (item.case === "patch") state = applyPatch(state, fromStatePatch(item.value));
      else continue;
      print(terminal, flags, state, revision);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return exitCodes.ok;
}

function print(terminal: Terminal, flags: StateFlags, state: unknown, revision: bigint): void {
  if (flags.json) terminal.out(`${JSON.stringify({ revision: Number(revision), state })}\n`);
  else terminal.out(`${JSON.stringify(state, undefined, 2)}\n`);
}

function patchOf(operations: readonly unknown[]): Change {
  try {
    return { case: "patch", value: toStatePatch(operations as never) };
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw new UsageError(`<operations> is no JSON Patch: ${why}`);
  }
}

function checkKeys(keys: readonly string[]): string[] {
  for (const key of keys) {
    if (/^(\/([^~]|~[01])*)*$/.test(key)) continue;
    throw new UsageError(`A key is a JSON Pointer such as /cart/items, not ${JSON.stringify(key)}.`);
  }
  return [...keys];
}

function readJson(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new UsageError(`${name} takes JSON, such as '{"a": 1}' or '"text"', not ${JSON.stringify(text)}.`);
  }
}

function revisionOf(text: string): bigint {
  if (/^\d{1,15}$/.test(text)) return BigInt(text);
  throw new UsageError(`--if-revision takes a whole number from 0, not ${JSON.stringify(text)}.`);
}
