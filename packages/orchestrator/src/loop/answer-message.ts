import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type RunAgentLoopResponseSchema,
  RunOutcome,
  type TokenUsageSchema,
} from "@dragoman/contract/agent/v1/agent_service_pb";
import type { Answer, AnswerUsage } from "@dragoman/engine";

const outcomes: Readonly<Record<Answer["outcome"], RunOutcome>> = {
  success: RunOutcome.SUCCESS,
  interrupted: RunOutcome.INTERRUPTED,
  cancelled: RunOutcome.CANCELLED,
};

/** The wire form of an answer. */
export function answerMessage(answer: Answer) {
  return {
    content: answer.content,
    sessionId: answer.sessionId,
    runId: answer.runId,
    outcome: outcomes[answer.outcome],
    interruptIds: [...answer.interruptIds],
    ...(answer.usage && { usage: usageMessage(answer.usage) }),
  } satisfies MessageInitShape<typeof RunAgentLoopResponseSchema>;
}

function usageMessage(usage: AnswerUsage): MessageInitShape<typeof TokenUsageSchema> {
  return {
    inputTokens: BigInt(usage.inputTokens),
    outputTokens: BigInt(usage.outputTokens),
    totalTokens: BigInt(usage.totalTokens),
  };
}
