import type { Catalog } from "@dragoman/event-log";
import type { Created } from "../creation.ts";
import { EngineError, limitReached, quote } from "../errors.ts";
import { sameJson } from "../fingerprint.ts";
import type { EngineLimits } from "../limits.ts";
import { filterHash, type Page, pageSizeOf, readToken, writeToken } from "../lists.ts";
import { Mutex } from "../mutex.ts";
import { checkDefinitions } from "./check-definitions.ts";
import type { FunctionTools } from "./function-tools.ts";
import type { ToolDefinition, ToolExecutor, ToolInfo } from "./tool.ts";
import { readToolEntry, toolEntry, toolKind } from "./tool-entry.ts";
import type { ToolSchemas } from "./tool-schemas.ts";

/** What a registry is made of. */
export interface ToolRegistryOptions {
  readonly catalog: Catalog;
  readonly limits: EngineLimits;
  readonly schemas: ToolSchemas;
  readonly functions: FunctionTools;
  readonly executors: Readonly<Record<string, ToolExecutor>>;
  readonly created: () => Created;
  readonly now: () => number;
}

/** Which tools to list. */
export interface ListToolsQuery {
  readonly namespace: string;
  /** The session; empty for the tools for all. */
  readonly sessionId: string;
  /** At most so many; 0 for the default of 50; above 1,000 it is 1,000. */
  readonly pageSize: number;
  /** From the page before; empty for the first. */
  readonly pageToken: string;
}

/** A page that has grown over this ends, so that every client can take it. */
const pageMaxBytes = 1024 * 1024;

/** The tools of a scope: those of one session, or those for all sessions of a namespace. */
type Scope = ReadonlyMap<string, ToolInfo>;

/** The tools that are registered. They are in the catalog; those that are used are in memory too. */
export class ToolRegistry {
  readonly #options: ToolRegistryOptions;
  readonly #scopes = new Map<string, Promise<Scope>>();
  readonly #mutex = new Mutex();

  constructor(options: ToolRegistryOptions) {
    this.#options = options;
  }

  /** Registers tools, all or none, and returns them as they are registered then. */
  async register(
    namespace: string,
    sessionId: string,
    definitions: readonly ToolDefinition[],
    replace: boolean,
  ): Promise<ToolInfo[]> {
    checkDefinitions(definitions, this.#options);
    return this.#mutex.run(async () => {
      const scope = await this.scope(namespace, sessionId);
      const infos = definitions.map((one) => this.#infoOf(namespace, sessionId, one, scope, replace));
      const changed = infos.filter((info) => scope.get(info.tool.name) !== info);
      const next = new Map([...scope, ...changed.map((info) => [info.tool.name, info] as const)]);
      this.#checkCount(sessionId, next);
      if (changed.length > 0) {
        await this.#options.catalog.put(changed.map((info) => ({ put: toolEntry(info) })));
        this.#keep(scopeId(namespace, sessionId), Promise.resolve(next));
      }
      return infos;
    });
  }

  /** Takes tools away; returns the names of those that were there. */
  unregister(namespace: string, sessionId: string, names: readonly string[]): Promise<string[]> {
    return this.#mutex.run(async () => {
      const scope = await this.scope(namespace, sessionId);
      const { functions } = this.#options;
      const isRemovable = (name: string) =>
        scope.has(name) && !(sessionId === "" && functions.tools.has(name));
      const known = [...new Set(names)].filter(isRemovable);
      if (known.length === 0) return [];
      const remove = known.map((id) => ({ remove: { namespace, kind: toolKind, parent: sessionId, id } }));
      await this.#options.catalog.put(remove);
      const next = new Map([...scope].filter(([name]) => !known.includes(name)));
      this.#keep(scopeId(namespace, sessionId), Promise.resolve(next));
      return known;
    });
  }

  /** Lists the tools of a session, or those for all, newest first. */
  async list(query: ListToolsQuery): Promise<Page<ToolInfo>> {
    const { namespace, sessionId, pageSize, pageToken } = query;
    const hash = filterHash({ kind: toolKind, namespace, sessionId });
    const after = pageToken === "" ? undefined : readToken(pageToken, hash);
    const all = [...(await this.scope(namespace, sessionId)).values()].sort((a, b) => b.order - a.order);
    const rest = after ? all.filter(({ order }) => order < after.order) : all;
    const items: ToolInfo[] = [];
    let bytes = 0;
    for (const info of rest) {
      if (items.length >= pageSizeOf(pageSize) || bytes > pageMaxBytes) break;
      items.push(info);
      bytes += Buffer.byteLength(JSON.stringify(info));
    }
    const last = items[items.length - 1];
    const nextPageToken = last && items.length < rest.length ? writeToken(toolEntry(last), hash) : "";
    return { items, nextPageToken };
  }

  /** The tools of a session, or with an empty id those for all. */
  scope(namespace: string, sessionId: string): Promise<Scope> {
    const id = scopeId(namespace, sessionId);
    const scope = this.#scopes.get(id) ?? this.#load(namespace, sessionId);
    this.#keep(id, scope);
    return scope;
  }

  /** The tool that a session has under a name: its own, else the one for all. */
  async find(namespace: string, sessionId: string, name: string): Promise<ToolInfo | undefined> {
    const own = sessionId === "" ? undefined : (await this.scope(namespace, sessionId)).get(name);
    return own ?? (await this.scope(namespace, "")).get(name);
  }

  /** What executes a tool; undefined if nothing here does. A client does not count. */
  executorOf({ executor: { kind } }: ToolInfo): ToolExecutor | undefined {
    if (kind === "function") return this.#options.functions.executor;
    return Object.hasOwn(this.#options.executors, kind) ? this.#options.executors[kind] : undefined;
  }

  #infoOf(
    namespace: string,
    sessionId: string,
    { tool, executor }: ToolDefinition,
    scope: Scope,
    replace: boolean,
  ): ToolInfo {
    const before = scope.get(tool.name);
    const definition = { tool, executor };
    if (!before) {
      const created = this.#options.created();
      return { namespace, sessionId, ...definition, ...created, updateTime: created.createTime };
    }
    if (sameJson({ tool: before.tool, executor: before.executor }, definition)) return before;
    if (replace && before.executor.kind !== "function") {
      return { ...before, ...definition, updateTime: this.#options.now() };
    }
    throw toolExists(before);
  }

  #checkCount(sessionId: string, scope: Scope): void {
    const { toolsMax, toolsPerSessionMax } = this.#options.limits;
    if (sessionId !== "" && scope.size > toolsPerSessionMax)
      throw limitReached("toolsPerSessionMax", toolsPerSessionMax, "the session would have too many tools");
    if (sessionId === "" && scope.size > toolsMax)
      throw limitReached("toolsMax", toolsMax, "there would be too many tools for all sessions");
  }

  async #load(namespace: string, parent: string): Promise<Scope> {
    const { catalog, functions } = this.#options;
    const query = { namespace, kind: toolKind, parent, limit: 1_000 };
    const tools = new Map<string, ToolInfo>();
    // A page may be short because its entries are large: only an empty one is the end.
    for (let page = await catalog.list(query); page.length > 0; ) {
      for (const entry of page) tools.set(entry.id, readToolEntry(entry));
      const last = page[page.length - 1];
      page = last ? await catalog.list({ ...query, after: last }) : [];
    }
    if (parent !== "") return tools;
    for (const [name, tool] of functions.tools) tools.set(name, { ...tool, namespace });
    return tools;
  }

  /** The scopes that were used last are kept; a load that failed is not. */
  #keep(id: string, scope: Promise<Scope>): void {
    this.#scopes.delete(id);
    this.#scopes.set(id, scope);
    scope.catch(() => {
      if (this.#scopes.get(id) === scope) this.#scopes.delete(id);
    });
    const [oldest] = this.#scopes.keys();
    if (this.#scopes.size > this.#options.limits.idleSessionsMax && oldest !== undefined)
      this.#scopes.delete(oldest);
  }
}

function scopeId(namespace: string, sessionId: string): string {
  return JSON.stringify([namespace, sessionId]);
}

function toolExists({ tool: { name }, executor }: ToolInfo): EngineError {
  const what =
    executor.kind === "function" ? "is a function of the server's own program" : "is registered otherwise";
  const then =
    executor.kind === "function" ? "choose another name" : "choose another name, or ask to replace it";
  return new EngineError("TOOL_EXISTS", `the tool ${quote(name)} ${what}: ${then}`, { tool_name: name });
}
