import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { withTimeout } from "@dragoman/testing";
import { mainFile } from "./child-server.ts";

/** What came of a command. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface RunningCommand {
  readonly ended: Promise<CommandResult>;
  /** Resolves when it has printed this on standard output; rejects if it ends without. */
  printed(text: string): Promise<void>;
  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void;
  /** Types a line, where it has an input. */
  type(line: string): void;
  /** Ends its input. */
  endInput(): void;
}

/** How long a command may take, in milliseconds. */
const timeoutMs = 25_000;

/** Starts `dragoman` as a process of its own, without colours. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { hasInput = false }: { readonly hasInput?: boolean } = {},
): RunningCommand {
  const child = spawn(process.execPath, ["--conditions=source", mainFile, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe"],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  const output = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      for (const look of waiting) look();
    });
  }
  const closed = new Promise<CommandResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...output }));
  });
  const ended = withTimeout(closed, `dragoman ${args.join(" ")}`, timeoutMs).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return {
    ended,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.stdout.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        ended.then(
          ({ stdout, stderr }) => reject(new Error(`it ended without ${text}:\n${stdout}\n${stderr}`)),
          reject,
        );
      }),
    signal: (name) => void child.kill(name),
    type: (line) => void child.stdin?.write(`${line}\n`),
    endInput: () => void child.stdin?.end(),
  };
}

/** Runs `dragoman` to its end. */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return startCommand(args, env).ended;
}

/** The lines of what a command printed. */
export const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

/** The JSON values of what a command printed with --json, one a line. */
export const jsonLines = (text: string) => linesOf(text).map((line): unknown => JSON.parse(line));
