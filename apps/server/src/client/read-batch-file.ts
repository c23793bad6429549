import { readFileSync } from "node:fs";
import { inputToMessage, type Message, type RunAgentInput } from "@dragoman/agui";
import type { BatchItem } from "@dragoman/contract/orchestrator/v1/batch_pb";
import { UsageError } from "../usage-error.ts";

/** An item to send. */
export type NewBatchItem = Pick<BatchItem, "agentId" | "input">;

const form = 'a JSON string, {"message": "…"} or {"input": {…}}, each also with "agentId"';

/**
 * Reads the items of a batch from JSON lines, `-` for standard input. Lines without anything are skipped.
 *
 * Throws a UsageError that names the line.
 */
export function readBatchFile(path: string, agentId: string): NewBatchItem[] {
  const items = readText(path)
    .split("\n")
    .flatMap((line, index) => (line.trim() === "" ? [] : [itemOf(line, agentId, `${path}:${index + 1}`)]));
  if (items.length === 0) throw new UsageError(`${path} has no items: write one a line, ${form}.`);
  return items;
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new UsageError(`${path} cannot be read${code}.`);
  }
}

function itemOf(line: string, agentIdDefault: string, place: string): NewBatchItem {
  const value = parse(line, place);
  if (typeof value === "string")
    return { agentId: agentIdDefault, input: inputOf({ message: value }, place) };
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notAnItem(place);
  const { agentId = agentIdDefault, ...rest } = value as Record<string, unknown>;
  if (typeof agentId !== "string") throw notAnItem(place);
  return { agentId, input: inputOf(rest, place) };
}

function parse(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw notAnItem(place);
  }
}

/** The ids that a line does not give are made by the server. */
function inputOf({ message, input, ...others }: Record<string, unknown>, place: string) {
  if (Object.keys(others).length > 0) throw notAnItem(place);
  if (typeof message === "string" && input === undefined) {
    const said: Message = { id: "user", role: "user", content: message };
    return inputToMessage({ threadId: "", runId: "", messages: [said] });
  }
  if (message !== undefined || typeof input !== "object" || input === null) throw notAnItem(place);
  try {
    return inputToMessage({ threadId: "", runId: "", messages: [], ...input } as RunAgentInput);
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be sent";
    throw new UsageError(`${place}: the input is no AG-UI input: ${why}`);
  }
}

function notAnItem(place: string): UsageError {
  return new UsageError(`${place} is no item: a line is ${form}.`);
}
