import { exitCodes } from "../exit-codes.ts";
import { onSignals } from "../signals.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { banner } from "./banner.ts";
import { readConfig, type ServeFlags } from "./config.ts";
import { startProgram } from "./start-program.ts";

/** Serves until a signal says to stop, and returns the exit code. Throws a UsageError that says what to change. */
export async function serve(flags: ServeFlags): Promise<number> {
  const terminal = processTerminal();
  const startedAt = performance.now();
  const config = readConfig(flags, process.env);
  const log = (error: unknown) =>
    terminal.error(`${error instanceof Error ? error.message : String(error)}\n`);
  const stopping = untilStopped();
  const program = await startProgram(config, process.env, log).catch((error: unknown) => {
    throw startError(error, config.host, config.port);
  });
  terminal.out(banner(program, config, terminal, Math.round(performance.now() - startedAt)));
  const signal = await stopping;
  terminal.error(`${signal}: letting runs end for up to ${config.drainMs} ms; once more to stop at once\n`);
  await program.close();
  return exitCodes.ok;
}

/** Resolves at the first signal to stop. A second one ends the process at once. */
function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    onSignals(["SIGINT", "SIGTERM"], resolve, () => process.exit(exitCodes.failed));
  });
}

/** What a port that cannot be opened tells its user; other errors pass. */
function startError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return new UsageError(
      `Port ${port} on ${host} is in use. Stop what uses it, or choose another with --port.`,
    );
  }
  if (code === "EACCES")
    return new UsageError(`Port ${port} on ${host} may not be opened. Choose one above 1023 with --port.`);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new UsageError(`${host} is no address of this machine. Choose one with --host.`);
  }
  return error;
}
