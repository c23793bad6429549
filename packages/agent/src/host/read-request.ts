import { Code, type ConnectError } from "@connectrpc/connect";
import {
  checkRunAgentInput,
  inputFromMessage,
  type Problem,
  parseRunAgentInput,
  type RunAgentInput,
} from "@dragoman/agui";
import type { RunAgentRequest } from "@dragoman/contract/agent/v1/agui_service_pb";
import type { RunAgentInput as InputMessage } from "@dragoman/contract/agui/v1/input_pb";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { reasonError } from "@dragoman/rpc";

/**
 * The input of a run.
 *
 * Throws INVALID_ARGUMENT, INVALID_INPUT with all its problems; OUT_OF_RANGE if the caller wants to go on from a
 * place in a log, for this host keeps none.
 */
export function readRunRequest(request: RunAgentRequest): RunAgentInput {
  if (request.logId !== "") {
    throw reasonError(
      Code.OutOfRange,
      "CURSOR_OF_ANOTHER_LOG",
      "This host keeps no log: leave log_id out, and start the run anew.",
      { metadata: { log_id: "", head_sequence: 0 } },
    );
  }
  if ((request.afterSequence ?? 0n) > 0n) {
    throw reasonError(
      Code.OutOfRange,
      "CURSOR_AHEAD",
      "This host keeps no log and cannot resume: leave after_sequence out, and start the run anew.",
      { metadata: { head_sequence: 0, log_id: "" } },
    );
  }
  return readInput(request.input);
}

/** The input of a run. Throws INVALID_ARGUMENT, INVALID_INPUT with all its problems. */
export function readInput(message: InputMessage | undefined): RunAgentInput {
  const problems = inputProblems(message);
  if (problems.length > 0) throw invalidInput(problems);
  return parseRunAgentInput(inputFromMessage(message as InputMessage));
}

/** All that is wrong with an input. */
export function inputProblems(message: InputMessage | undefined): Problem[] {
  if (message === undefined) return [{ path: "", message: "is required", rule: "required" }];
  let input: RunAgentInput;
  try {
    input = inputFromMessage(message);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ path: "", message: `cannot be read: ${why}`, rule: "unreadable" }];
  }
  return checkRunAgentInput(input);
}

function invalidInput(problems: readonly Problem[]): ConnectError {
  const path = problems[0]?.path ?? "";
  const sentences = problems.map((problem) => `${problem.path || "The input"} ${problem.message}`);
  return reasonError(Code.InvalidArgument, "INVALID_INPUT", `${sentences.join("; ")}.`, {
    metadata: { path },
    details: [
      {
        desc: BadRequestSchema,
        value: {
          fieldViolations: problems.map((problem) => ({
            field: problem.path,
            description: problem.message,
            reason: problem.rule.toUpperCase(),
          })),
        },
      },
    ],
  });
}
