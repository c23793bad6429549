import { fileURLToPath } from "node:url";
import type { AguiEvent } from "@dragoman/agui";
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { contractEvent } from "./contract-shapes.ts";

const folder = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** AGUIService as grpc-js has it, read from the contract by @grpc/proto-loader as its documentation says. */
export function loadAguiService(): ServiceClientConstructor {
  const definition = loadSync("agent/v1/agui_service.proto", {
    includeDirs: [folder("api"), folder("api/third_party"), folder("packages/contract/third_party")],
    longs: Number,
    oneofs: true,
  });
  const { agent } = loadPackageDefinition(definition) as { agent: { v1: GrpcObject } };
  return agent.v1.AGUIService as ServiceClientConstructor;
}

/** A stream item as proto-loader reads it. */
export interface GrpcJsItem {
  readonly event?: { readonly textMessageContent?: { readonly delta: string } } | null;
}

/** A stream item as proto-loader's messages are made from. */
export function toGrpcJsItem(sequence: number, event: AguiEvent): object {
  const { case: name, value } = contractEvent(event, toValue);
  return { sequence, event: { [name]: value } };
}

function toValue(json: unknown): object {
  if (json === null || json === undefined) return { nullValue: 0 };
  if (typeof json === "string") return { stringValue: json };
  if (typeof json === "number") return { numberValue: json };
  if (typeof json === "boolean") return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(toValue) } };
  const fields = Object.entries(json).map(([key, value]) => [key, toValue(value)] as const);
  return { structValue: { fields: Object.fromEntries(fields) } };
}
