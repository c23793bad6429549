import type { DescMethod } from "@bufbuild/protobuf";
import { Code, createServiceImplSpec, type MethodImplSpec } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { Health as HealthService } from "@dragoman/contract/grpc/health/v1/health_pb";
import { ServerReflection } from "@dragoman/contract/grpc/reflection/v1/reflection_pb";
import { ServerReflection as ServerReflectionAlpha } from "@dragoman/contract/grpc/reflection/v1alpha/reflection_pb";
import { reasonError } from "@dragoman/rpc";
import { ActiveCalls } from "./call/active-calls.ts";
import { createRpcHandler } from "./call/rpc-handler.ts";
import { type CallHost, ServerCall } from "./call/server-call.ts";
import { createConnectHandlerFactory, createMethodUrl, type UniversalHandler } from "./connect-internals.ts";
import { Health } from "./health.ts";
import { isLoopbackName } from "./http/origins.ts";
import { Router } from "./http/router.ts";
import { deadlineInterceptor } from "./interceptors/deadline.ts";
import { createErrorInterceptor } from "./interceptors/errors.ts";
import { createValidateInterceptor } from "./interceptors/validate.ts";
import { resolveLimits } from "./limits.ts";
import { consoleLog } from "./log.ts";
import {
  type DrainOptions,
  type DrainOutcome,
  implement,
  type ProtocolHost,
  type ServerAddress,
  type ServerOptions,
  type ServiceEntry,
} from "./options.ts";
import { OnePort } from "./port/one-port.ts";
import { probeRoutes } from "./probes.ts";
import { reflectionService } from "./reflection.ts";

/** A server of some services over every wire on one port. */
export interface Server {
  /** What it tells probes. Serving from the start; say false before {@link listen} to come up first. */
  readonly health: Health;
  /** The handlers of the RPCs, for transports that need no port. */
  readonly handlers: readonly UniversalHandler[];
  /** Where it listens; undefined before. */
  readonly address: ServerAddress | undefined;
  /** Starts to listen. `host` defaults to 127.0.0.1, `port` to one that is free. Rejects if it is taken. */
  listen(options?: { readonly host?: string; readonly port?: number }): Promise<ServerAddress>;
  /** Stops in order, see {@link DrainOptions}. Calling it again waits for the same drain. */
  drain(options?: DrainOptions): Promise<DrainOutcome>;
  /** Stops at once: every call ends with UNAVAILABLE as far as it still can. */
  close(): Promise<void>;
}

/** Makes a server. It does not listen yet. */
export function createServer(options: ServerOptions): Server {
  return new DragomanServer(options);
}

class DragomanServer implements Server {
  readonly health: Health;
  readonly handlers: readonly UniversalHandler[];
  readonly #calls = new ActiveCalls();
  readonly #shutdown = new AbortController();
  readonly #port: OnePort;
  readonly #scheme: "http" | "https";
  #address: ServerAddress | undefined;
  #drained: Promise<DrainOutcome> | undefined;

  constructor(options: ServerOptions) {
    const log = options.log ?? consoleLog;
    const limits = resolveLimits(options.limits);
    const interceptors = [...(options.interceptors ?? [])];
    if (options.validate !== false) {
      interceptors.push(createValidateInterceptor());
    }
    const host: CallHost = { interceptors, limits, log, calls: this.#calls };
    this.health = new Health(options.services.map(({ service }) => service.typeName));
    const specs = methodSpecs(allServices(options, this.health));
    this.handlers = createHandlers(specs, host, this.#shutdown.signal);
    const protocolHost = createProtocolHost(specs, host);
    const router = new Router({
      handlers: new Map(
        options.plainHttpOnly ? [] : this.handlers.map((handler) => [handler.requestPath, handler]),
      ),
      routes: [
        ...probeRoutes(this.health),
        ...(options.protocols ?? []).flatMap((protocol) => protocol(protocolHost)),
        ...(options.routes ?? []),
      ],
      limits,
      log,
      originPolicy: () => ({
        loopback: isLoopbackName(this.#address?.host ?? "localhost"),
        allowedHosts: options.allowedHosts ?? [],
        allowedOrigins: options.allowedOrigins ?? [],
      }),
    });
    this.#scheme = options.tls ? "https" : "http";
    this.#port = new OnePort({
      limits,
      tls: options.tls,
      onExchange: router.serve,
      onError: (error) => log.warn("the listener failed", error),
    });
  }

  get address(): ServerAddress | undefined {
    return this.#address;
  }

  async listen(options: { readonly host?: string; readonly port?: number } = {}): Promise<ServerAddress> {
    const host = options.host ?? "127.0.0.1";
    const info = await this.#port.listen(host, options.port ?? 0);
    const shown = info.family === "IPv6" ? `[${info.address}]` : info.address;
    this.#address = { host: info.address, port: info.port, url: `${this.#scheme}://${shown}:${info.port}` };
    return this.#address;
  }

  drain(options: DrainOptions = {}): Promise<DrainOutcome> {
    this.#drained ??= this.#drain(options);
    return this.#drained;
  }

  async close(): Promise<void> {
    await this.drain({ graceMs: 0, forceMs: 100 });
  }

  async #drain({
    readinessDelayMs = 0,
    graceMs = 10_000,
    forceMs = 2_000,
  }: DrainOptions): Promise<DrainOutcome> {
    this.health.shutdown();
    await delay(readinessDelayMs);
    if (this.#address === undefined) {
      return "clean";
    }
    const closed = this.#port.drain();
    if (await within(closed, graceMs)) {
      return "clean";
    }
    const error = reasonError(
      Code.Unavailable,
      "SHUTTING_DOWN",
      "The server is shutting down. Attach again after the last sequence that arrived.",
    );
    this.#calls.abortAll(error);
    this.#shutdown.abort(error);
    if (await within(closed, forceMs)) {
      return "stopped";
    }
    this.#port.destroy();
    await closed;
    return "forced";
  }
}

function allServices({ services, reflection }: ServerOptions, health: Health): ServiceEntry[] {
  const served = [...services, implement(HealthService, health.service())];
  if (reflection === false) {
    return served;
  }
  const implementation = reflectionService([
    ...served.map(({ service }) => service),
    ServerReflection,
    ServerReflectionAlpha,
  ]);
  // v1alpha has the messages of v1 under another name, so the same plain objects serve both.
  const alpha: ServiceEntry = { service: ServerReflectionAlpha, implementation: implementation as never };
  return [...served, implement(ServerReflection, implementation), alpha];
}

function methodSpecs(services: readonly ServiceEntry[]): Map<string, MethodImplSpec> {
  const specs = new Map<string, MethodImplSpec>();
  for (const { service, implementation } of services) {
    for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) {
      specs.set(createMethodUrl("/", spec.method), spec);
    }
  }
  return specs;
}

function createHandlers(
  specs: ReadonlyMap<string, MethodImplSpec>,
  host: CallHost,
  shutdownSignal: AbortSignal,
): UniversalHandler[] {
  const acceptCompression = [compressionGzip, compressionBrotli];
  const stock = {
    acceptCompression,
    readMaxBytes: host.limits.readMaxBytes,
    maxTimeoutMs: host.limits.maxTimeoutMs,
    shutdownSignal,
    interceptors: [createErrorInterceptor(host.log), deadlineInterceptor, ...host.interceptors],
  };
  const connectUnary = createConnectHandlerFactory(stock);
  return [...specs.values()].map((spec) =>
    createRpcHandler(spec, { ...host, acceptCompression, connectUnary }),
  );
}

function createProtocolHost(specs: ReadonlyMap<string, MethodImplSpec>, host: CallHost): ProtocolHost {
  return {
    limits: host.limits,
    log: host.log,
    openStream(method: DescMethod, init) {
      const spec = specs.get(createMethodUrl("/", method));
      if (spec?.kind !== "server_streaming" && spec?.kind !== "bidi_streaming") {
        throw reasonError(Code.Unimplemented, "UNSUPPORTED", `${method.toString()} is not served here.`);
      }
      return new ServerCall(host, { ...init, spec });
    },
  };
}

/** Whether the promise resolves in time. */
async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const result = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return result;
}

async function delay(ms: number): Promise<void> {
  if (ms > 0) {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
