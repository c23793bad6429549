import type { Tool } from "@dragoman/agui";
import type { Catalog } from "@dragoman/event-log";
import type { Created } from "../creation.ts";
import { EngineError } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";
import type { Session } from "../session.ts";
import { ClientCalls } from "./client-calls.ts";
import { createFunctionTools } from "./function-tools.ts";
import type { ToolRunner } from "./run-tool.ts";
import type { FunctionTool, ToolExecutor, ToolInfo } from "./tool.ts";
import { ToolRegistry } from "./tool-registry.ts";
import { ToolSchemas } from "./tool-schemas.ts";

/** What a tool host is made of. */
export interface ToolHostOptions {
  readonly catalog: Catalog;
  readonly limits: EngineLimits;
  readonly executors: Readonly<Record<string, ToolExecutor>>;
  readonly functions: readonly FunctionTool[];
  readonly created: () => Created;
  readonly now: () => number;
}

/** The registered tools of an engine, for the runs that are offered them. */
export class ToolHost implements ToolRunner {
  readonly limits: EngineLimits;
  readonly schemas: ToolSchemas;
  readonly registry: ToolRegistry;
  readonly clients = new ClientCalls();

  /** Throws INVALID_TOOL for a function that cannot be a tool. */
  constructor(options: ToolHostOptions) {
    const { catalog, limits, executors, created, now } = options;
    const schemas = new ToolSchemas(limits);
    const functions = createFunctionTools(options.functions, { schemas, limits, created });
    this.limits = limits;
    this.schemas = schemas;
    this.registry = new ToolRegistry({ catalog, limits, schemas, functions, executors, created, now });
  }

  /** The tools that a run is offered: of its input, else of its session, else for all, each name once. */
  async offered(session: Session, own: readonly Tool[]): Promise<Tool[]> {
    const { namespace, id } = session.key;
    const [forAll, ofSession] = await readable(
      Promise.all([this.registry.scope(namespace, ""), this.registry.scope(namespace, id)]),
    );
    const { tools: declared = [] } = session.info.options ?? {};
    const byName = new Map([...forAll].map(([name, info]) => [name, info.tool]));
    for (const tool of declared) byName.set(tool.name, tool);
    for (const [name, info] of ofSession) byName.set(name, info.tool);
    for (const tool of own) byName.set(tool.name, tool);
    return [...byName.values()];
  }

  /** The registered tool that a call of a run means; undefined if it means one of the client's. */
  async toolOfCall(session: Session, own: readonly Tool[], name: string): Promise<ToolInfo | undefined> {
    if (own.some((tool) => tool.name === name)) return undefined;
    const { namespace, id } = session.key;
    const info = await readable(this.registry.find(namespace, id, name));
    const isDeclared = session.info.options?.tools?.some((tool) => tool.name === name) ?? false;
    return isDeclared && info?.sessionId === "" ? undefined : info;
  }
}

/** What the store says stays inside. */
async function readable<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch {
    throw new EngineError("STORAGE_UNAVAILABLE", "The registered tools cannot be read: the store failed.");
  }
}
