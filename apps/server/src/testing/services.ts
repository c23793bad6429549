import type { Transport } from "@connectrpc/connect";
import { type TypedClients, typedClients } from "@dragoman/client";

/** Generated clients of what a server serves. */
export type Services = TypedClients;

/** Makes generated clients over a transport. */
export function servicesOver(transport: Transport): Services {
  return typedClients(transport);
}
