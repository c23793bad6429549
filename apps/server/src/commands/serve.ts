import type { Command } from "commander";
import type { ServeFlags } from "../serve/config.ts";

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
    .option("--data <folder>", "where the log and its index are kept (default .dragoman)")
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
    .option(
      "--allow-endpoint <host>",
      "what registered agents and tools may be at although it is not public: host, *.domain, IP, CIDR, each with :port or for all; repeatable",
      collect,
    )
    .option("--drain-ms <ms>", "how long runs may go on after SIGTERM", "10000")
    .option("--heartbeat-ms <ms>", "how long a stream may be silent before a heartbeat", "15000")
    .option("--read-max-bytes <n>", "the largest request", String(4 << 20))
    .option("--session-expire-after <time>", "how long sessions live that do not say it, such as 30d")
    .option("--session-idle-timeout <time>", "and how long without an event, such as 12h")
    .option(
      "--retention <time>",
      "how long sessions and batches are kept after their end, such as 90d (default for ever)",
    )
    .option("--sessions-max <n>", "sessions that may be active at once (default 1000000)")
    .option("--test-agents", "also serve the agents `script` and `script-unverified`, for tests")
    .addHelpText("after", help)
    .action(async (flags: ServeFlags) => {
      // Loaded only here: the other commands are to be up at once.
      const { serve } = await import("../serve/serve.ts");
      process.exitCode = await serve(flags);
    });
}

const help = `
Environment:
  GRPC_PORT                        the port, where --port is not given
  GRPC_ENABLED=false               only the plain HTTP wires
  GRPC_TLS_CERT, GRPC_TLS_KEY      certificate and key (PEM files): TLS
  GRPC_TLS_CA                      and the CA of clients: mutual TLS
  DRAGOMAN_ALLOW_ENDPOINTS         a list, where --allow-endpoint is not given
  OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL
                                   also serve the agent \`llm\`

Examples:
  dragoman serve
  dragoman serve --port 8080 --agent coder=ag-ui:http://127.0.0.1:8000/agent
  OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=llama3 dragoman serve --default-agent llm`;

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
