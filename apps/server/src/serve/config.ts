import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { SessionDefaults } from "@dragoman/engine";
import { durationOf } from "../duration.ts";
import { UsageError } from "../usage-error.ts";
import { agentIdOf, grpcTargetOf, hostOf, originOf } from "./names.ts";

/** What `dragoman serve` was told, by flags and the environment; complete and checked. */
export interface ServeConfig {
  readonly host: string;
  readonly port: number;
  /** Where the data lies; undefined keeps it in memory. */
  readonly dataFolder: string | undefined;
  readonly durability: "process" | "fsync";
  /** Whether gRPC, gRPC-Web and Connect are served besides plain HTTP. */
  readonly rpcEnabled: boolean;
  readonly tls: TlsConfig | undefined;
  readonly agents: readonly AgentConfig[];
  readonly defaultAgentId: string | undefined;
  readonly testAgents: boolean;
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
  /** What registered agents and tools may be at although it is not public. */
  readonly allowedEndpoints: readonly string[];
  readonly onDisconnect: { readonly action: "continue" | "cancel"; readonly graceMs: number };
  readonly drainMs: number;
  readonly heartbeatMs: number;
  /** The largest request, in bytes. */
  readonly readMaxBytes: number;
  /** How sessions behave whose creator does not say; what is absent is for ever. */
  readonly sessions: SessionDefaults;
  /** Sessions that may be active at once; undefined for the default of the engine. */
  readonly sessionsMax: number | undefined;
}

/** TLS; with `ca`, clients must show a certificate signed by it. */
export interface TlsConfig {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

/** An agent besides the built-in ones: `<id>=<kind>:<target>`. */
export interface AgentConfig {
  readonly agentId: string;
  readonly kind: "ag-ui" | "grpc" | "llm";
  readonly target: string;
}

/** The flags of `dragoman serve`, as the command line gives them. */
export interface ServeFlags {
  readonly port?: string;
  readonly host?: string;
  readonly data?: string;
  readonly memory?: boolean;
  readonly durability?: string;
  readonly agent?: readonly string[];
  readonly defaultAgent?: string;
  readonly testAgents?: boolean;
  readonly allowOrigin?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly allowEndpoint?: readonly string[];
  readonly onDisconnect?: string;
  readonly drainMs?: string;
  readonly heartbeatMs?: string;
  readonly readMaxBytes?: string;
  readonly sessionExpireAfter?: string;
  readonly sessionIdleTimeout?: string;
  readonly retention?: string;
  readonly sessionsMax?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const portDefault = 50051;
const dataDefault = ".dragoman";
const graceMsDefault = 10_000;
const hourMs = 3_600_000;
const agentKinds = ["ag-ui", "grpc", "llm"] as const;

/** Reads the configuration. Throws a {@link UsageError} that says what to change. */
export function readConfig(flags: ServeFlags, environment: Environment): ServeConfig {
  const [action, graceMs] = disconnectOf(flags.onDisconnect ?? "continue");
  return {
    host: flags.host ?? "127.0.0.1",
    port: portOf(flags, environment),
    dataFolder: dataFolderOf(flags),
    durability: oneOf("--durability", flags.durability ?? "process", ["process", "fsync"]),
    rpcEnabled: booleanOf("GRPC_ENABLED", environment.GRPC_ENABLED, true),
    tls: tlsOf(environment),
    agents: (flags.agent ?? []).map(agentOf),
    defaultAgentId: flags.defaultAgent,
    testAgents: flags.testAgents ?? false,
    allowedOrigins: (flags.allowOrigin ?? []).map(originOf),
    allowedHosts: (flags.allowHost ?? []).map(hostOf),
    allowedEndpoints: flags.allowEndpoint ?? listOf(environment.DRAGOMAN_ALLOW_ENDPOINTS),
    onDisconnect: { action, graceMs },
    drainMs: integer("--drain-ms", flags.drainMs ?? "10000", 0, hourMs),
    heartbeatMs: integer("--heartbeat-ms", flags.heartbeatMs ?? "15000", 10, hourMs),
    readMaxBytes: integer("--read-max-bytes", flags.readMaxBytes ?? String(4 << 20), 1024, 2 ** 30),
    sessions: sessionDefaults(flags),
    sessionsMax:
      flags.sessionsMax === undefined ? undefined : integer("--sessions-max", flags.sessionsMax, 1, 2 ** 31),
  };
}

function sessionDefaults({ sessionExpireAfter, sessionIdleTimeout, retention }: ServeFlags): SessionDefaults {
  return {
    ...timeOf("expireAfterMs", "--session-expire-after", sessionExpireAfter),
    ...timeOf("idleTimeoutMs", "--session-idle-timeout", sessionIdleTimeout),
    ...timeOf("retentionMs", "--retention", retention),
  };
}

function timeOf(field: keyof SessionDefaults, name: string, text: string | undefined): SessionDefaults {
  return text === undefined ? {} : { [field]: durationOf(name, text) };
}

function dataFolderOf({ memory, data }: ServeFlags): string | undefined {
  if (!memory) return resolve(data ?? dataDefault);
  if (data === undefined) return undefined;
  throw new UsageError("--memory keeps nothing and --data says where to keep it: give one of them.");
}

function tlsOf(environment: Environment): TlsConfig | undefined {
  const names = ["GRPC_TLS_CERT", "GRPC_TLS_KEY", "GRPC_TLS_CA"] as const;
  const [cert, key, ca] = names.map((name) => environment[name] || undefined);
  if (!cert && !key && !ca) return undefined;
  if (!cert || !key) {
    const set = names.filter((name) => environment[name]).join(" and ");
    const missing = [!cert && names[0], !key && names[1]].filter(Boolean).join(" and ");
    throw new UsageError(
      `${set} is set, but ${missing} is not. Set GRPC_TLS_CERT and GRPC_TLS_KEY for TLS, GRPC_TLS_CA too for mutual TLS, or none of them for plain text.`,
    );
  }
  return usable({
    cert: file(names[0], cert),
    key: file(names[1], key),
    ca: ca ? file(names[2], ca) : undefined,
  });
}

/** Throws if the files hold no certificate and no key, or such as do not belong together. */
function usable(config: TlsConfig): TlsConfig {
  const { ca, ...own } = config;
  try {
    createSecureContext(own);
  } catch (error) {
    throw new UsageError(`GRPC_TLS_CERT and GRPC_TLS_KEY cannot be used together: ${messageOf(error)}`);
  }
  try {
    if (ca) new X509Certificate(ca);
  } catch (error) {
    throw new UsageError(`GRPC_TLS_CA names no certificate: ${messageOf(error)}`);
  }
  return config;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function file(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new UsageError(`${name} names ${path}, which cannot be read${code}.`);
  }
}

/** The port, and the name of what set it for the message where it is wrong. */
function portOf(flags: ServeFlags, environment: Environment): number {
  if (flags.port !== undefined) return integer("--port", flags.port, 0, 65_535);
  return integer("GRPC_PORT", environment.GRPC_PORT || String(portDefault), 0, 65_535);
}

function agentOf(text: string): AgentConfig {
  const match = /^([^=]+)=([^:]+):(.*)$/s.exec(text);
  const kind = agentKinds.find((one) => one === match?.[2]);
  if (!match?.[1] || !kind || !match[3]) {
    throw new UsageError(
      `--agent ${text} is not of the form <id>=<kind>:<target>. Kinds are ${agentKinds.join(", ")}; for example --agent coder=ag-ui:http://127.0.0.1:8000/agent`,
    );
  }
  const agentId = agentIdOf(match[1]);
  return { agentId, kind, target: kind === "grpc" ? grpcTargetOf(agentId, match[3]) : match[3] };
}

function disconnectOf(text: string): ["continue" | "cancel", number] {
  if (text === "continue") return ["continue", 0];
  const match = /^cancel(?::(\d+))?$/.exec(text);
  const graceMs = Number(match?.[1] ?? graceMsDefault);
  if (match && graceMs <= hourMs) return ["cancel", graceMs];
  throw new UsageError(
    `--on-disconnect takes continue, cancel or cancel:<grace in ms, up to ${hourMs}>, not ${text}.`,
  );
}

/** What a variable lists, separated by commas or spaces. */
function listOf(text = ""): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== "");
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${name} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}.`);
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new UsageError(`${name} takes ${choices.join(" or ")}, not ${text}.`);
  return choice;
}

function booleanOf(name: string, text: string | undefined, fallback: boolean): boolean {
  if (text === undefined || text === "") return fallback;
  return oneOf(name, text.toLowerCase(), ["true", "false"]) === "true";
}
