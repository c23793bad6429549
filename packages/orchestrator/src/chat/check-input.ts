import { createValidator } from "@bufbuild/protovalidate";
import { Code } from "@connectrpc/connect";
import { type ChatInput, ChatInputSchema } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { reasonError } from "@dragoman/rpc";

/** Passes an input that keeps the rules of its schema. Throws INVALID_REQUEST for one that does not. */
export type CheckInput = (input: ChatInput) => ChatInput;

/**
 * Makes a check of the inputs of a stream. There a broken rule ends nothing, so nobody else has checked them
 * before.
 */
export function createInputCheck(): CheckInput {
  const validator = createValidator();
  return (input) => {
    const result = validator.validate(ChatInputSchema, input);
    if (result.kind === "valid") return input;
    if (result.kind === "error") throw result.error;
    const [first] = result.violations;
    throw reasonError(
      Code.InvalidArgument,
      "INVALID_REQUEST",
      `The input breaks a rule: ${first?.toString()}`,
      { metadata: { violations: result.violations.length } },
    );
  };
}
