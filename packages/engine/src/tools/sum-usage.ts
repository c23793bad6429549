import type { TokenUsage } from "@dragoman/agui";

const counts = [
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "reasoningTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
] as const;

/** The sum of what several calls of an agent took: one entry for each model of each provider. */
export function sumUsage(usages: readonly TokenUsage[]): TokenUsage[] {
  const sums = new Map<string, TokenUsage>();
  for (const usage of usages) {
    const id = JSON.stringify([usage.provider, usage.model]);
    const sum: TokenUsage = { ...(sums.get(id) ?? usage) };
    if (sums.has(id)) {
      for (const name of counts) {
        const value = usage[name];
        if (value !== undefined) sum[name] = (sum[name] ?? 0) + value;
      }
    }
    sums.set(id, sum);
  }
  return [...sums.values()];
}
