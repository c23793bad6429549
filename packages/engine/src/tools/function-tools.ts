import type { Created } from "../creation.ts";
import type { EngineLimits } from "../limits.ts";
import { checkDefinitions } from "./check-definitions.ts";
import type { FunctionTool, ToolDefinition, ToolExecutor, ToolInfo } from "./tool.ts";
import type { ToolSchemas } from "./tool-schemas.ts";

/** The functions of a program as tools. */
export interface FunctionTools {
  /** By name; they are in every namespace. */
  readonly tools: ReadonlyMap<string, Omit<ToolInfo, "namespace">>;
  readonly executor: ToolExecutor;
}

/** Makes tools of functions. Throws INVALID_TOOL for one that cannot be registered. */
export function createFunctionTools(
  functions: readonly FunctionTool[],
  context: { readonly schemas: ToolSchemas; readonly limits: EngineLimits; readonly created: () => Created },
): FunctionTools {
  const definitions = functions.map(definitionOf);
  const { schemas, limits, created } = context;
  const placeholder: ToolExecutor = { execute: async () => ({ content: "" }) };
  const checked = definitions.map(({ tool, executor }) => ({
    tool,
    executor: { ...executor, kind: "checked" },
  }));
  checkDefinitions(checked, { schemas, limits, executors: { checked: placeholder } });
  const byName = new Map(functions.map((one) => [one.name, one]));
  const tools = definitions.map((definition) => {
    const place = created();
    return [
      definition.tool.name,
      { ...definition, ...place, updateTime: place.createTime, sessionId: "" },
    ] as const;
  });
  return { tools: new Map(tools), executor: { execute: (call, _, signal) => run(byName, call, signal) } };
}

function definitionOf({ name, description, parameters, timeoutMs }: FunctionTool): ToolDefinition {
  return {
    tool: { name, description, ...(parameters !== undefined && { parameters }) },
    executor: { kind: "function", ...(timeoutMs !== undefined && { timeoutMs }) },
  };
}

async function run(
  functions: ReadonlyMap<string, FunctionTool>,
  call: Parameters<FunctionTool["run"]>[1],
  signal: AbortSignal,
) {
  const found = functions.get(call.toolName);
  if (!found) throw new Error(`this program has no function ${call.toolName} any more`);
  const result = await found.run(call.arguments as Record<string, unknown>, call, signal);
  return { content: typeof result === "string" ? result : (JSON.stringify(result) ?? "") };
}
