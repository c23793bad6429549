import { UsageError } from "../usage-error.ts";

const maxAgentIdBytes = 256;
/** What no terminal, URL or log shows as itself. */
const unshowable = /[\s\p{Cc}\p{Cs}]/u;
const hostName = /^(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)$/i;

/** Checks the id of an agent, which is part of paths and commands. Throws a {@link UsageError}. */
export function agentIdOf(id: string): string {
  const isShort = Buffer.byteLength(id) <= maxAgentIdBytes;
  if (id !== "" && isShort && !unshowable.test(id)) return id;
  throw new UsageError(
    `--agent ${JSON.stringify(id)}=… is no agent id: it takes 1 to ${maxAgentIdBytes} bytes without spaces and control characters, such as --agent coder=…`,
  );
}

/** Checks where a host of AGUIService is. Throws a {@link UsageError}. */
export function grpcTargetOf(agentId: string, target: string): string {
  const hasScheme = target.includes("://");
  const url = URL.parse(hasScheme ? target : `http://${target}`);
  const isPlace = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  if (isPlace && (hasScheme || /:\d+$/.test(target)) && url.port !== "0") return target;
  throw new UsageError(
    `--agent ${agentId}=grpc:${target} cannot be used: it takes <host>:<port> or a URL without a path, such as --agent ${agentId}=grpc:127.0.0.1:50052`,
  );
}

/** Checks an origin as browsers send it. Throws a {@link UsageError}. */
export function originOf(text: string): string {
  if (text === "*") return text;
  const url = URL.parse(text);
  const origin = url === null || url.host === "" ? undefined : `${url.protocol}//${url.host}`;
  if (origin === text.toLowerCase()) return text;
  throw new UsageError(
    `--allow-origin takes * or <scheme>://<host>[:<port>], such as ${origin ?? "https://app.example"}, not ${JSON.stringify(text)}.`,
  );
}

/** Checks a host name as it stands in URLs. Throws a {@link UsageError}. */
export function hostOf(text: string): string {
  if (text === "*" || hostName.test(text)) return text;
  throw new UsageError(
    `--allow-host takes * or a name without scheme and port, such as agents.example, not ${JSON.stringify(text)}.`,
  );
}
