import type { CatalogEntry } from "@dragoman/event-log";
import type { ToolInfo } from "./tool.ts";

/** The kind of catalog entries that are registered tools. */
export const toolKind = "tool";

/** The catalog entry of a registered tool. */
export function toolEntry(info: ToolInfo): CatalogEntry {
  const { namespace, sessionId, tool, executor, order } = info;
  return {
    namespace,
    kind: toolKind,
    parent: sessionId,
    id: tool.name,
    label: executor.kind,
    state: "",
    order,
    value: new TextEncoder().encode(JSON.stringify(info)),
  };
}

/** Reads a registered tool back. */
export function readToolEntry(entry: CatalogEntry): ToolInfo {
  return JSON.parse(new TextDecoder().decode(entry.value)) as ToolInfo;
}
