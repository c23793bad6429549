import type { Problem } from "@dragoman/agui";
import { EngineError, quote } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";
import type { ToolDefinition, ToolExecutor } from "./tool.ts";
import type { ToolSchemas } from "./tool-schemas.ts";

/** What model providers take for a name. */
const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
const timeoutMaxMs = 60 * 60 * 1000;

/** What definitions are checked with. */
export interface DefinitionChecks {
  readonly schemas: ToolSchemas;
  readonly executors: Readonly<Record<string, ToolExecutor>>;
  readonly limits: EngineLimits;
}

/**
 * Throws unless all definitions can be registered: INVALID_TOOL with every problem, UNSUPPORTED for what nobody here
 * executes, or what an executor throws, such as ENDPOINT_NOT_ALLOWED.
 */
export function checkDefinitions(definitions: readonly ToolDefinition[], checks: DefinitionChecks): void {
  const problems: Problem[] = [];
  const names = new Set<string>();
  let refusal: EngineError | undefined;
  for (const [index, definition] of definitions.entries()) {
    const { name } = definition.tool;
    const add = (path: string, message: string, rule: string) =>
      problems.push({ path: `/tools/${index}${path}`, message, rule });
    if (names.has(name)) add("/tool/name", `is ${quote(name)}, as of a tool before it`, "repeated_name");
    names.add(name);
    for (const { path, message, rule } of problemsOfTool(definition, checks)) add(path, message, rule);
    try {
      checkExecutor(definition, checks);
    } catch (error) {
      if (error instanceof EngineError) refusal ??= error;
      else add("/executor", error instanceof Error ? error.message : "cannot be used", "executor");
    }
  }
  const [first] = problems;
  if (first) throw invalidTool(definitions, first, problems);
  if (refusal) throw refusal;
}

function problemsOfTool(
  { tool, executor }: ToolDefinition,
  { schemas, limits }: DefinitionChecks,
): Problem[] {
  const problems: Problem[] = [];
  const size = Buffer.byteLength(JSON.stringify({ tool, executor }));
  if (size > limits.toolMaxBytes) {
    const message = `has ${size} bytes as JSON, more than toolMaxBytes, which is ${limits.toolMaxBytes}`;
    return [{ path: "", message, rule: "too_large" }];
  }
  if (!namePattern.test(tool.name)) {
    const message = `is ${quote(tool.name)}, but has to be 1 to 64 letters of ASCII, digits, _ and -`;
    problems.push({ path: "/tool/name", message, rule: "name" });
  }
  for (const { path, message, rule } of schemas.problemsOfSchema(tool.parameters)) {
    problems.push({ path: `/tool/parameters${path}`, message, rule });
  }
  return problems;
}

function checkExecutor({ executor }: ToolDefinition, { executors }: DefinitionChecks): void {
  const { kind, timeoutMs } = executor;
  if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= timeoutMaxMs)) {
    throw new TypeError(`has a time-out of ${timeoutMs} ms, but it must be from 1 to ${timeoutMaxMs}`);
  }
  if (kind === "client") return;
  if (kind === "function") {
    throw new TypeError("is a function of the server's own program, which only the program registers");
  }
  const found = Object.hasOwn(executors, kind) ? executors[kind] : undefined;
  if (!found) {
    const message = `this server executes no tools of the kind ${quote(kind)}`;
    throw new EngineError("UNSUPPORTED", message, { kind });
  }
  found.check?.(executor);
}

function invalidTool(
  definitions: readonly ToolDefinition[],
  first: Problem,
  all: readonly Problem[],
): EngineError {
  const index = Number(first.path.split("/")[2]);
  const more = all.length > 1 ? ` (and ${all.length - 1} more)` : "";
  const message = `a tool cannot be registered: ${first.path} ${first.message}${more}`;
  return new EngineError("INVALID_TOOL", message, { tool_name: definitions[index]?.tool.name ?? "" }, all);
}
