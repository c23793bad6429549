import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Interceptor, ServiceImpl } from "@connectrpc/connect";
import type { ServerCall, ServerCallInit } from "./call/server-call.ts";
import type { HttpRoute } from "./http/routes.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { TlsOptions } from "./port/one-port.ts";

/** A service with its implementation. Make it with {@link implement}. */
export interface ServiceEntry {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
}

/** Pairs a service with an implementation of its type. Methods that are left out are UNIMPLEMENTED. */
export function implement<Service extends DescService>(
  service: Service,
  implementation: Partial<ServiceImpl<Service>>,
): ServiceEntry {
  return { service, implementation: implementation as ServiceEntry["implementation"] };
}

/** What a protocol beside the RPC ones is given to serve the same services. */
export interface ProtocolHost {
  readonly limits: Limits;
  readonly log: Log;
  /**
   * Opens a call of a streaming method through the interceptors of the server.
   *
   * Throws UNIMPLEMENTED if the server does not serve it.
   */
  openStream(method: DescMethod, init: Omit<ServerCallInit, "spec">): ServerCall;
}

/** A protocol beside the RPC ones: routes over the same services. */
export type Protocol = (host: ProtocolHost) => readonly HttpRoute[];

/** What {@link createServer} is given. Only `services` is required. */
export interface ServerOptions {
  /** What is served, over every wire. */
  readonly services: readonly ServiceEntry[];
  /** Run around every call, the first outermost; the check of the request comes last. */
  readonly interceptors?: readonly Interceptor[];
  /** Further protocols, such as AG-UI over HTTP. */
  readonly protocols?: readonly Protocol[];
  /** Further plain HTTP routes. */
  readonly routes?: readonly HttpRoute[];
  /** Certificates. Without, the port speaks plain text. */
  readonly tls?: TlsOptions | undefined;
  /** See {@link Limits}; what is left out has its default. */
  readonly limits?: Partial<Limits>;
  /** Whether grpc.reflection.v1 and v1alpha are served. Default true. */
  readonly reflection?: boolean;
  /** Whether requests are checked against the rules of their schemas. Default true. */
  readonly validate?: boolean;
  /** Origins whose web pages may call, such as `https://app.example`; `*` for all. Default none. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Host names that are ours besides the loopback ones; `*` for all. Default none.
   *
   * On a loopback address, other names are refused in any case; elsewhere only if some are given here.
   */
  readonly allowedHosts?: readonly string[];
  /** Leaves gRPC, gRPC-Web and Connect out: only `protocols`, `routes` and probes are served. Default false. */
  readonly plainHttpOnly?: boolean;
  /** Where the operator is told. Default standard error. */
  readonly log?: Log;
}

/** How a server is stopped. */
export interface DrainOptions {
  /** How long the server goes on after saying NOT_SERVING, for load balancers to notice. Default 0. */
  readonly readinessDelayMs?: number;
  /** How long calls may go on; then they end with UNAVAILABLE, SHUTTING_DOWN. Default 10 s. */
  readonly graceMs?: number;
  /** How long connections may take to hand that over; then they are destroyed. Default 2 s. */
  readonly forceMs?: number;
}

/** How a drain ended: all calls finished, or some were told to stop, or connections had to be destroyed. */
export type DrainOutcome = "clean" | "stopped" | "forced";

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Such as `http://127.0.0.1:50051`. */
  readonly url: string;
}
