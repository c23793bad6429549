import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentClient, errorReasonOf } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";

/** The flags of every command that calls a server. */
export interface ClientFlags {
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export const serverDefault = "http://127.0.0.1:50051";

/** Adds the flags of every command that calls a server. */
export function withClientFlags(command: Command): Command {
  return command
    .option(
      "--server <url>",
      "the server to call (env DRAGOMAN_SERVER)",
      process.env.DRAGOMAN_SERVER || serverDefault,
    )
    .option("--ca <file>", "certificate authority to trust, for https")
    .option("--cert <file>", "client certificate, for mutual TLS")
    .option("--key <file>", "its key");
}

/** Calls a server for the time of a task. */
export async function withClient<T>(
  flags: ClientFlags,
  task: (client: AgentClient) => Promise<T>,
): Promise<T> {
  const { ca, cert, key } = flags;
  const tls = {
    ...(ca && { ca: readFileSync(ca) }),
    ...(cert && { cert: readFileSync(cert) }),
    ...(key && { key: readFileSync(key) }),
  };
  const client = createAgentClient({ baseUrl: flags.server, tls });
  try {
    return await task(client);
  } finally {
    client.close();
  }
}

/** What a failed call tells its user, and the exit code. */
export function describeCallError(
  error: unknown,
  server: string,
): { text: string; exitCode: number } | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const reason = errorReasonOf(error);
  if (error.code === Code.Unavailable && reason === undefined) {
    const text = `No server answers at ${server}. Start one with \`dragoman serve\`, or name another with --server.`;
    return { text, exitCode: exitCodes.unavailable };
  }
  return { text: `${error.rawMessage}${reason ? ` (${reason})` : ""}`, exitCode: exitCodes.failed };
}
