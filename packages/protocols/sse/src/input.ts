import { randomUUID } from "node:crypto";
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  InvalidInputError,
  inputToMessage,
  parseRunAgentInput,
  profileOf,
  type RunAgentInput,
  upgradeInput,
} from "@dragoman/agui";
import type { RunAgentInput as RunAgentInputMessage } from "@dragoman/contract/agui/v1/input_pb";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { reasonError } from "@dragoman/rpc";

/** So many problems are listed in an error. */
const maxListed = 50;

/**
 * Reads the body of a run: AG-UI's RunAgentInput in JSON. Ids that are missing are generated.
 *
 * Throws INVALID_INPUT with all problems.
 */
export function readInput(body: Uint8Array): RunAgentInput {
  try {
    return parseRunAgentInput(upgraded(withIds(parseJson(body))));
  } catch (error) {
    throw error instanceof InvalidInputError ? invalidInput(error) : error;
  }
}

/** Turns an input into the message of the contract. Throws INVALID_INPUT if it has no such form. */
export function toMessage(input: RunAgentInput): RunAgentInputMessage {
  try {
    return inputToMessage(input);
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw unreadable(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function withIds(value: unknown): unknown {
  if (!isObject(value)) {
    return value;
  }
  return { ...value, threadId: value.threadId ?? randomUUID(), runId: value.runId ?? randomUUID() };
}

/** Inputs of AG-UI 0.x have a dialect of their own. */
function upgraded(value: unknown): unknown {
  const version = isObject(value) ? value.protocolVersion : undefined;
  const isOlder = version === undefined || version === null || profileOf(String(version)) === "0.x";
  return isOlder ? upgradeInput(value) : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalidInput({ message, problems }: InvalidInputError): ConnectError {
  const fieldViolations = problems.slice(0, maxListed).map((problem) => ({
    field: problem.path,
    description: problem.message,
    reason: problem.rule.toUpperCase(),
  }));
  return reasonError(Code.InvalidArgument, "INVALID_INPUT", message.slice(0, 1_000), {
    metadata: { path: problems[0]?.path ?? "" },
    details: [{ desc: BadRequestSchema, value: { fieldViolations } }],
  });
}

function unreadable(message: string): ConnectError {
  return reasonError(Code.InvalidArgument, "INVALID_INPUT", message, { metadata: { path: "" } });
}
