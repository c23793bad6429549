import { create, type JsonValue } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { toolToMessage } from "@dragoman/agui";
import { type RegisteredTool, RegisteredToolSchema } from "@dragoman/contract/orchestrator/v1/tool_pb";
import { UsageError } from "../usage-error.ts";

/** The flags that define a tool. */
export interface DefinitionFlags {
  readonly description?: string;
  readonly parameters?: string;
  readonly url?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly client?: boolean;
  readonly timeoutMs?: string;
}

/** The tool that flags define. Throws a UsageError that says what to change. */
export function definedTool(name: string | undefined, flags: DefinitionFlags): RegisteredTool {
  if (name === undefined) throw new UsageError("Name the tool to register, or a file of tools with --file.");
  if ((flags.url === undefined) === (flags.client === undefined))
    throw new UsageError(
      "Say who executes the tool: an HTTP endpoint with --url, or a client with --client.",
    );
  if (flags.client && (flags.method !== undefined || flags.header !== undefined))
    throw new UsageError("--method and --header are for tools with --url.");
  const { description = "", parameters, url } = flags;
  const tool = toolToMessage({
    name,
    description,
    ...(parameters !== undefined && { parameters: schemaOf(parameters) }),
  });
  const timeout =
    flags.timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutOf(flags.timeoutMs)) };
  if (url === undefined)
    return create(RegisteredToolSchema, { tool, executor: { kind: { case: "client", value: timeout } } });
  const value = {
    url,
    method: (flags.method ?? "").toUpperCase(),
    headers: headersOf(flags.header ?? []),
    ...timeout,
  };
  return create(RegisteredToolSchema, { tool, executor: { kind: { case: "http", value } } });
}

/** Reads --timeout-ms. */
export function timeoutOf(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 3_600_000) return value;
  throw new UsageError(`--timeout-ms takes a whole number from 1 to 3600000, not ${JSON.stringify(text)}.`);
}

function schemaOf(text: string): Exclude<JsonValue, undefined> {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new UsageError(
      `--parameters takes a JSON Schema such as '{"type": "object"}', not ${JSON.stringify(text)}.`,
    );
  }
}

function headersOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((text) => {
      const colon = text.indexOf(":");
      if (colon < 1) throw new UsageError(`--header takes <name>:<value>, not ${JSON.stringify(text)}.`);
      return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
    }),
  );
}
