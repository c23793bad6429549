export type { ReadInput, ServerCall, ServerCallInit } from "./call/server-call.ts";
export { parseConnectTimeout } from "./call/timeouts.ts";
export type { UniversalServerResponse } from "./connect-internals.ts";
export { Health } from "./health.ts";
export { errorResponse } from "./http/error-response.ts";
export type { HeaderFields } from "./http/exchange.ts";
export type { ExchangeRequest } from "./http/exchange-request.ts";
export { readBody } from "./http/read-body.ts";
export type { HttpRoute, PathParameters } from "./http/routes.ts";
export { BrokenOffError, type FieldsResponse, type ResponseBody } from "./http/write-response.ts";
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
export { settledOr } from "./settled-or.ts";
