import type { TokenUsage } from "@dragoman/agui";
import type { CompletionUsage } from "openai/resources/completions";

/** What one turn of the model took. Counts that the endpoint does not give, or not as whole numbers, are left out. */
export function tokenUsage(model: string, usage: CompletionUsage): TokenUsage {
  return {
    model,
    ...count("inputTokens", usage.prompt_tokens),
    ...count("outputTokens", usage.completion_tokens),
    ...count("totalTokens", usage.total_tokens),
    ...count("reasoningTokens", usage.completion_tokens_details?.reasoning_tokens),
    ...count("cachedInputTokens", usage.prompt_tokens_details?.cached_tokens),
    ...count("cacheWriteInputTokens", usage.prompt_tokens_details?.cache_write_tokens),
  };
}

/** The sum of what the turns of a run took, one entry for each model that answered. */
export function sumUsage(turns: readonly TokenUsage[]): TokenUsage[] {
  const sums = new Map<string | undefined, TokenUsage>();
  for (const turn of turns) {
    const sum = sums.get(turn.model);
    sums.set(turn.model, sum ? add(sum, turn) : turn);
  }
  return [...sums.values()];
}

const counts = [
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "reasoningTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
] as const;

type Count = (typeof counts)[number];

function add(left: TokenUsage, right: TokenUsage): TokenUsage {
  const sum: TokenUsage = { ...left };
  for (const name of counts) {
    const value = right[name];
    if (value !== undefined) sum[name] = (left[name] ?? 0) + value;
  }
  return sum;
}

function count(name: Count, value: number | undefined): TokenUsage {
  return Number.isSafeInteger(value) && value! >= 0 ? { [name]: value } : {};
}
