import { readFileSync } from "node:fs";
import type { AgentClient } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";
import type { Command } from "commander";
import { UsageError } from "../usage-error.ts";
import { explainCallError } from "./call-error.ts";

/** The flags of every command that calls a server. */
export interface ClientFlags {
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const serverDefault = "http://127.0.0.1:50051";

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

/**
 * Calls a server for the time of a task.
 *
 * Rejects with a UsageError where the flags make no sense, and a CommandError where the call fails.
 */
export async function withClient<T>(
  flags: ClientFlags,
  task: (client: AgentClient) => Promise<T>,
): Promise<T> {
  const url = serverOf(flags);
  const client = createAgentClient({ baseUrl: url.href.replace(/\/$/, ""), tls: tlsOf(flags, url) });
  try {
    return await task(client);
  } catch (error) {
    throw explainCallError(error, flags.server);
  } finally {
    client.close();
  }
}

function serverOf({ server }: ClientFlags): URL {
  const url = URL.parse(server);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new UsageError(
    `--server (or DRAGOMAN_SERVER) takes an http or https URL such as ${serverDefault}, not ${JSON.stringify(server)}.`,
  );
}

function tlsOf({ ca, cert, key }: ClientFlags, url: URL) {
  if (url.protocol === "http:" && (ca || cert || key)) {
    throw new UsageError(`--ca, --cert and --key are for servers with TLS; ${url.href} begins with http.`);
  }
  if (Boolean(cert) !== Boolean(key)) {
    throw new UsageError("--cert and --key go together: a certificate is of no use without its key.");
  }
  return {
    ...(ca && { ca: readPem("--ca", ca) }),
    ...(cert && { cert: readPem("--cert", cert) }),
    ...(key && { key: readPem("--key", key) }),
  };
}

function readPem(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new UsageError(`${name} names ${path}, which cannot be read${code}.`);
  }
}
