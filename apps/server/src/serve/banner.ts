import type { Terminal } from "../terminal.ts";
import type { ServeConfig } from "./config.ts";
import type { Program } from "./start-program.ts";

/** Says in a few lines what is served where, which agents there are, and one thing to try. */
export function banner(
  program: Program,
  config: ServeConfig,
  terminal: Terminal,
  startedInMs: number,
): string {
  const { url } = program.address;
  const { bold, dim } = terminal;
  const secure = config.tls ? (config.tls.ca ? " with mutual TLS" : " with TLS") : "";
  const rpc = config.rpcEnabled ? "gRPC, gRPC-Web, Connect, " : "";
  const [first, ...others] = program.agents.map(({ agentId }) => agentId);
  const data = config.dataFolder ?? "memory only: gone when the server stops";
  const cert = config.tls ? " --cacert ca.crt" : "";
  const body = JSON.stringify({ messages: [{ id: "m1", role: "user", content: "What can you do?" }] });
  return [
    `${bold("Dragoman")} is serving on ${bold(url)} ${dim(`(${startedInMs} ms)`)}`,
    `  wires   ${rpc}AG-UI over SSE and binary, all on this port${secure}`,
    `  agents  ${first} ${dim("(default)")}${others.map((id) => `, ${id}`).join("")}`,
    `  data    ${data}`,
    `  try     curl -N${cert} ${url}/agents/${first} -H 'content-type: application/json' \\`,
    `            -d '${body}'`,
    "",
  ].join("\n");
}
