import { StoreCorruptError, StoreFormatError, StoreFullError, StoreInUseError } from "@dragoman/event-log";
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { banner } from "../serve/banner.ts";
import { readConfig, type ServeFlags } from "../serve/config.ts";
import { startProgram } from "../serve/start-program.ts";
import { processTerminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

/** Adds `dragoman serve`. */
export function addServe(program: Command): void {
  program
    .command("serve")
    .summary("serve agents on one port, over every wire")
    .description(
      "Serves agents over gRPC, gRPC-Web, Connect, AG-UI SSE and AG-UI binary on one port, every run in a durable log.",
    )
    .option("--port <port>", "port to listen on; 0 takes a free one (env GRPC_PORT, default 50051)")
    .option("--host <host>", "address to listen on", "127.0.0.1")
    .option("--data <folder>", "where the log and its index are kept", ".dragoman")
    .option("--memory", "keep everything in memory; for trying out")
    .option(
      "--durability <what>",
      "what an event survives before anybody sees it: process or fsync (power loss)",
      "process",
    )
    .option(
      "--agent <id=kind:target>",
      "a further agent; kinds: ag-ui:<url>, grpc:<host:port>, llm:<model>; repeatable",
      collect,
    )
    .option("--default-agent <id>", "the agent of POST / and of calls that name none")
    .option(
      "--on-disconnect <what>",
      "what a run does when its client is gone: continue, cancel or cancel:<grace ms>",
      "continue",
    )
    .option("--allow-origin <origin>", "an origin whose web pages may call; repeatable; * for all", collect)
    .option("--allow-host <host>", "a further name that this server is called by; repeatable", collect)
    .option("--drain-ms <ms>", "how long runs may go on after SIGTERM", "10000")
    .option("--heartbeat-ms <ms>", "how long a stream may be silent before a heartbeat", "15000")
    .option("--read-max-bytes <n>", "the largest request", String(4 << 20))
    .option("--test-agents", "also serve the agents `script` and `script-unverified`, for tests")
    .addHelpText("after", help)
    .action(async (flags: ServeFlags) => {
      process.exitCode = await serve(flags);
    });
}

const help = `
Environment:
  GRPC_PORT                        the port, where --port is not given
  GRPC_ENABLED=false               only the plain HTTP wires
  GRPC_TLS_CERT, GRPC_TLS_KEY      certificate and key (PEM files): TLS
  GRPC_TLS_CA                      and the CA of clients: mutual TLS
  OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL
                                   also serve the agent \`llm\`

Examples:
  dragoman serve
  dragoman serve --port 8080 --agent coder=ag-ui:http://127.0.0.1:8000/agent
  OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=llama3 dragoman serve --default-agent llm`;

async function serve(flags: ServeFlags): Promise<number> {
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
  process.once(signal, () => process.exit(exitCodes.failed));
  await program.close();
  return exitCodes.ok;
}

function untilStopped(): Promise<"SIGINT" | "SIGTERM"> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("SIGINT"));
    process.once("SIGTERM", () => resolve("SIGTERM"));
  });
}

/** What a start that failed tells its user; others are bugs and pass. */
function startError(error: unknown, host: string, port: number): unknown {
  if (error instanceof StoreInUseError || error instanceof StoreFormatError)
    return new UsageError(error.message);
  if (error instanceof StoreCorruptError || error instanceof StoreFullError)
    return new UsageError(error.message);
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

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
