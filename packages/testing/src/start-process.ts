import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { withTimeout } from "./wait.ts";

/** How much of what a process prints is kept, in characters; the oldest goes first. */
const maxOutputLength = 1 << 20;

/** A program to start. */
export interface StartProcessOptions {
  /** The file that Node runs. TypeScript is fine. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Variables over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node. Default `--conditions=source`, so that packages need no build. */
  readonly nodeArgs?: readonly string[];
  /** The folder it runs in. Default that of this process. */
  readonly cwd?: string;
  /** What it prints on stdout when it is ready, anywhere in it. */
  readonly ready: RegExp | string;
  /** How long that may take, in milliseconds. Default 20,000. */
  readonly timeoutMs?: number;
}

/** How a process ended: one of the two is null. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that runs. `await using` kills it. */
export interface StartedProcess extends AsyncDisposable {
  readonly pid: number;
  /** What matched `ready`: its groups carry what the program says, such as its port. */
  readonly ready: RegExpExecArray;
  /** What it printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Settles when it has ended. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal and waits for the end. Default SIGKILL: no chance to write anything more. */
  kill(signal?: NodeJS.Signals, timeoutMs?: number): Promise<ProcessExit>;
  /** Starts the same program again, after killing this one if it still runs. */
  restart(overrides?: Partial<StartProcessOptions>): Promise<StartedProcess>;
}

/**
 * Starts a Node program and waits until it says that it is ready. Rejects, with what it printed, if it ends or
 * takes too long before. It does not outlive this process.
 */
export async function startProcess(options: StartProcessOptions): Promise<StartedProcess> {
  const { program, args = [], nodeArgs = ["--conditions=source"], timeoutMs = 20_000 } = options;
  const child = spawn(process.execPath, [...nodeArgs, program, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const output = { stdout: "", stderr: "" };
  const exited = watchExit(child);
  collectOutput(child, output);
  const failure = (why: string) =>
    new Error(`${program} ${why}\nstdout:\n${output.stdout}\nstderr:\n${output.stderr}`);
  const ready = new Promise<RegExpExecArray>((resolve, reject) => {
    const pattern = typeof options.ready === "string" ? literal(options.ready) : options.ready;
    child.stdout.on("data", () => {
      const match = pattern.exec(output.stdout);
      if (match !== null) resolve(match);
    });
    exited.then(
      ({ code, signal }) => reject(failure(`ended with ${signal ?? code} before it was ready`)),
      reject,
    );
  });
  try {
    return startedProcess(options, child, output, exited, await withTimeout(ready, "the start", timeoutMs));
  } catch (error) {
    child.kill("SIGKILL");
    throw error instanceof Error && error.message.startsWith(program) ? error : failure(String(error));
  }
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function startedProcess(
  options: StartProcessOptions,
  child: Child,
  output: { readonly stdout: string; readonly stderr: string },
  exited: Promise<ProcessExit>,
  ready: RegExpExecArray,
): StartedProcess {
  const kill = (signal: NodeJS.Signals = "SIGKILL", timeoutMs = 10_000) => {
    child.kill(signal);
    return withTimeout(exited, `the end of ${options.program} after ${signal}`, timeoutMs);
  };
  return {
    pid: child.pid as number,
    ready,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    exited,
    kill,
    async restart(overrides = {}) {
      await kill();
      return startProcess({ ...options, ...overrides });
    },
    async [Symbol.asyncDispose]() {
      await kill();
    },
  };
}

function watchExit(child: Child): Promise<ProcessExit> {
  const killIt = () => child.kill("SIGKILL");
  process.once("exit", killIt);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // Not "exit": what it printed last has to be here.
    child.once("close", (code, signal) => {
      process.off("exit", killIt);
      resolve({ code, signal });
    });
  });
}

function collectOutput(child: Child, output: { stdout: string; stderr: string }): void {
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] = (output[name] + text).slice(-maxOutputLength);
    });
  }
}
