export { Health } from "./health.ts";
export { createInProcessTransport } from "./in-process.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { consoleLog, type Log } from "./log.ts";
export {
  type DrainOptions,
  type DrainOutcome,
  implement,
  type Protocol,
  type ProtocolHost,
  type ServerAddress,
  type ServerOptions,
  type ServiceEntry,
} from "./options.ts";
export type { TlsOptions } from "./port/one-port.ts";
export { createServer, type Server } from "./server.ts";
