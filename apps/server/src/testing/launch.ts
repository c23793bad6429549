import { fileURLToPath } from "node:url";
import { type StartedProcess, startProcess } from "@dragoman/testing";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));

/** Starts `dragoman serve` on a free port unless told otherwise; `ready[1]` is its URL. */
export function launchServer(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<StartedProcess> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  return startProcess({
    program,
    args: ["serve", ...port, ...args],
    env: { NO_COLOR: "1", ...env },
    ready: /serving on (https?:\/\/\S+)/,
    timeoutMs: 60_000,
  });
}

/** The URL that a server said it listens on. */
export function urlOf(server: StartedProcess): string {
  const url = server.ready[1];
  if (!url) throw new Error("the server did not say where it listens");
  return url;
}
