import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process of its own that runs the commands of a module. */
export interface Child {
  readonly pid: number;
  /** Calls one of the module's commands. Rejects with what it throws, or if the process ends. */
  call<Result>(command: string, argument?: unknown): Promise<Result>;
  /** CPU time of the process so far, in microseconds. */
  cpuUs(): Promise<number>;
  /** Resident memory after collecting garbage, in kilobytes. */
  residentKb(): Promise<number>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** What goes to a child, and what comes back. */
export interface Order {
  readonly id: number;
  readonly command: string;
  readonly argument?: unknown;
}
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** How long a command may take before the benchmark fails. */
const COMMAND_TIMEOUT_MS = 300_000;

/** Starts a process with the commands that a module exports as `commands`. */
export async function startChild(module: string | URL): Promise<Child> {
  const main = fileURLToPath(new URL("./child-main.ts", import.meta.url));
  const child = fork(main, [String(module)], {
    execArgv: ["--conditions=source", "--expose-gc", "--disable-warning=ExperimentalWarning"],
    serialization: "advanced",
  });
  const pending = new Map<number, (answer: Answer) => void>();
  let nextId = 0;
  let ended: string | undefined;
  const call = <Result>(command: string, argument?: unknown): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(new Error(`${module}: ${ended}`));
      const id = nextId++;
      const timer = setTimeout(
        () => settle({ id, error: `took over ${COMMAND_TIMEOUT_MS} ms` }),
        COMMAND_TIMEOUT_MS,
      );
      const settle = (answer: Answer) => {
        pending.delete(id);
        clearTimeout(timer);
        if (answer.error === undefined) resolve(answer.result as Result);
        else reject(new Error(`${command} of ${module}: ${answer.error}`));
      };
      pending.set(id, settle);
      const order: Order = { id, command, argument };
      child.send(order);
    });
  child.on("message", (answer: Answer) => pending.get(answer.id)?.(answer));
  child.on("exit", (code, signal) => {
    ended = `the process ended with ${signal ?? code}`;
    for (const [id, settle] of pending) settle({ id, error: ended });
  });
  await call("ready");
  return {
    pid: child.pid ?? 0,
    call,
    cpuUs: () => call("cpuUs"),
    residentKb: () => call("residentKb"),
    stop: () => stop(child),
  };
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

/** Starts several, runs `work`, and ends them whatever happens. */
export async function withChildren<Name extends string, Result>(
  modules: Readonly<Record<Name, string | URL>>,
  work: (children: Record<Name, Child>) => Promise<Result>,
): Promise<Result> {
  const started: [string, Child][] = [];
  try {
    for (const [name, module] of Object.entries<string | URL>(modules)) {
      started.push([name, await startChild(module)]);
    }
    return await work(Object.fromEntries(started) as Record<Name, Child>);
  } finally {
    await Promise.all(started.map(([, child]) => child.stop()));
  }
}
