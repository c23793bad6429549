import { fileURLToPath } from "node:url";
import { type StartedProcess, startProcess } from "@dragoman/testing";

/** The file that `dragoman` runs. */
export const mainFile = fileURLToPath(new URL("../main.ts", import.meta.url));

/** The program, started as a process of its own. `await using` kills it. */
export interface ChildServer extends AsyncDisposable {
  readonly url: string;
  readonly process: StartedProcess;
}

/** Starts `dragoman serve` on a free port; `args` say where its data lies and what else it is told. */
export async function startChildServer(
  args: readonly string[] = ["--memory"],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildServer> {
  const started = await startProcess({
    program: mainFile,
    args: ["serve", "--port", "0", "--test-agents", ...args],
    env: { NO_COLOR: "1", ...env },
    ready: /is serving on (\S+) /,
  });
  return {
    url: started.ready[1] ?? "",
    process: started,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
