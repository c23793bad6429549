import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A program of this folder that runs in a process of its own. */
export interface Child {
  readonly process: ChildProcess;
  /** Waits for the next line that it prints; undefined when it has ended. */
  nextLine(): Promise<string | undefined>;
  /** Kills it like `kill -9`, and returns the lines that it printed and nobody has taken. */
  kill(): Promise<string[]>;
  /** Waits until it ends by itself and returns its exit code. */
  exit(): Promise<number | null>;
}

/** Starts a program of this folder. `shell` wraps the command, such as with a limit. */
export function startChild(name: string, args: readonly string[], shell?: string): Child {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const command = [process.execPath, "--conditions=source", file, ...args];
  const child = shell
    ? spawn("sh", ["-c", `${shell}; exec "$@"`, "sh", ...command], { stdio: ["pipe", "pipe", "inherit"] })
    : spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value, done } = await lines.next();
    return done ? undefined : String(value);
  };
  return {
    process: child,
    nextLine,
    async kill() {
      if (child.exitCode !== null) throw new Error(`the child ended before it was killed: ${child.exitCode}`);
      child.kill("SIGKILL");
      const rest = [];
      for (let line = await nextLine(); line !== undefined; line = await nextLine()) rest.push(line);
      await exited;
      return rest;
    },
    async exit() {
      await exited;
      return child.exitCode;
    },
  };
}
