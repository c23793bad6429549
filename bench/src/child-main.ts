import { readFileSync } from "node:fs";
import type { Answer, Order } from "./child.ts";
import { cpuUs } from "./cpu.ts";

/** What a module for a child process exports as `commands`. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

const builtIn: Commands = {
  ready: () => true,
  cpuUs,
  async residentKb() {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return residentKb();
  },
};

/** What the process holds of the machine's memory, shared libraries left out. */
function residentKb(): number {
  if (process.platform !== "linux") return process.memoryUsage.rss() / 1024;
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? Number.NaN);
}

const [, , module = ""] = process.argv;
const loaded: { readonly commands: Commands } = await import(module);
const commands: Commands = { ...loaded.commands, ...builtIn };

process.on("message", async ({ id, command, argument }: Order) => {
  let answer: Answer;
  try {
    const run = commands[command];
    if (run === undefined) throw new Error("there is no such command");
    answer = { id, result: await run(argument as never) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());
