import { RUN_AGENT_INPUT } from "../codec/entity-shapes.ts";
import type { Context, RunAgentInput, Tool } from "../types.ts";
import { Checker, MAX_LISTED } from "./check.ts";
import { idProblems } from "./input-ids.ts";
import { isObject, type Problem } from "./problem.ts";

/** An input is not one that can be run. */
export class InvalidInputError extends Error {
  override readonly name = "InvalidInputError";
  /** All problems, at least one and at most MAX_LISTED. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(summary(problems));
    this.problems = problems;
  }
}

/** So many problems are told in the message of an error. */
const MAX_TOLD = 3;

function summary(problems: readonly Problem[]): string {
  const told = problems.slice(0, MAX_TOLD).map(({ path, message }) => `${path || "The input"} ${message}`);
  const more = problems.length - told.length;
  return more > 0 ? `${told.join("; ")}; and ${more} more` : told.join("; ");
}

/** An input as it was read: its lists are there even if the JSON had none. */
export type ParsedRunAgentInput = RunAgentInput & { tools: Tool[]; context: Context[] };

/** The minor version of AG-UI that this package knows all kinds of. */
const KNOWN_VERSION = /^(0\..*|1\.0(\..*)?)$/;

/**
 * Reads the input of a run in AG-UI's JSON form, such as JSON.parse gives.
 *
 * Null in place of an optional field, `state` included, means absent. Properties that AG-UI 1.0 does not
 * describe are left out. Messages and content parts of kinds that it does not describe are problems, unless
 * the input declares a later `protocolVersion`: then they are left out too. Inputs of AG-UI 0.x go through
 * `upgradeInput` first. Throws InvalidInputError with all problems.
 */
export function parseRunAgentInput(value: unknown): ParsedRunAgentInput {
  const { input, problems } = readInput(value);
  if (problems.length > 0) throw new InvalidInputError(problems);
  return input;
}

/** Lists what parseRunAgentInput would throw; empty if the input can be run. */
export function checkRunAgentInput(value: unknown): Problem[] {
  return readInput(value).problems;
}

function readInput(value: unknown): { input: ParsedRunAgentInput; problems: Problem[] } {
  const checker = new Checker({
    dropUnknownMembers: isLaterVersion(value),
    nullIsAbsent: true,
    lookIntoValues: true,
  });
  const read = checker.check(value, RUN_AGENT_INPUT);
  const problems = [...checker.problems, ...idProblems(read)].slice(0, MAX_LISTED);
  const input = { ...read, tools: read.tools ?? [], context: read.context ?? [] };
  return { input: input as unknown as ParsedRunAgentInput, problems };
}

function isLaterVersion(value: unknown): boolean {
  if (!isObject(value) || typeof value.protocolVersion !== "string") return false;
  return !KNOWN_VERSION.test(value.protocolVersion);
}
