import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import {
  createValidator,
  type ValidationError,
  type Validator,
  type Violation,
  violationsToProto,
} from "@bufbuild/protovalidate";
import { Code, type ConnectError, type Interceptor, type StreamRequest } from "@connectrpc/connect";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { reasonError } from "@dragoman/rpc";

/** So many violations are listed: error details travel in headers, which peers limit to some kilobytes. */
const maxViolations = 20;

/**
 * Checks every request message against the rules of its schema; responses are ours and not checked.
 *
 * A message that breaks one is INVALID_ARGUMENT, INVALID_REQUEST, with the violations both as
 * `google.rpc.BadRequest` and as `buf.validate.Violations`.
 */
export function createValidateInterceptor(validator: Validator = createValidator()): Interceptor {
  return (next) => (request) => {
    if (!request.stream) {
      check(validator, request.method.input, request.message);
      return next(request);
    }
    return next(withMessages(request, checked(validator, request)));
  };
}

async function* checked(validator: Validator, request: StreamRequest): StreamRequest["message"] {
  for await (const message of request.message) {
    check(validator, request.method.input, message);
    yield message;
  }
}

/** Replaces the messages, and keeps what is made on demand unmade, which a spread would not. */
function withMessages(request: StreamRequest, message: StreamRequest["message"]): StreamRequest {
  const properties = Object.getOwnPropertyDescriptors(request);
  return Object.defineProperties(
    {},
    { ...properties, message: { value: message, enumerable: true } },
  ) as StreamRequest;
}

function check(validator: Validator, schema: DescMessage, message: MessageShape<DescMessage>): void {
  const result = validator.validate(schema, message);
  if (result.kind === "invalid") {
    throw invalidRequest(result.error, result.violations);
  }
  if (result.kind === "error") {
    throw result.error;
  }
}

function invalidRequest(cause: ValidationError, all: Violation[]): ConnectError {
  const listed = all.slice(0, maxViolations);
  const fieldViolations = listed.map((violation) => ({
    field: pathToString(violation.field),
    description: violation.message,
    reason: violation.ruleId.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase(),
  }));
  const [value, desc] = violationsToProto(listed);
  return reasonError(Code.InvalidArgument, "INVALID_REQUEST", messageOf(all), {
    metadata: { violations: all.length },
    details: [
      { desc: BadRequestSchema, value: { fieldViolations } },
      { desc, value },
    ],
    cause,
  });
}

function messageOf(violations: readonly Violation[]): string {
  const [first] = violations;
  const more = violations.length > 1 ? `, and ${violations.length - 1} more` : "";
  return `The request breaks a rule: ${first?.toString()}${more}`;
}
