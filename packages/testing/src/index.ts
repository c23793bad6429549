export { createFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";
export { freePort } from "./free-port.ts";
export { type Random, seededRandom } from "./random.ts";
export {
  type ProcessExit,
  type StartedProcess,
  type StartProcessOptions,
  startProcess,
} from "./start-process.ts";
export { createTempFolder, type TempFolder } from "./temp-folder.ts";
export { delay, type WaitUntilOptions, waitUntil, withTimeout } from "./wait.ts";
