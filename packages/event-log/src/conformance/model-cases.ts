import assert from "node:assert/strict";
import fc from "fast-check";
import type { Store } from "../event-log.ts";
import { ModelStore } from "./model.ts";
import { execute, type Step, stepsArbitrary } from "./steps.ts";
import type { StoreCase, StoreContext } from "./store-case.ts";

/** Closes the store and opens it again, for stores that keep anything. */
const reopen = "reopen" as const;

type History = readonly (readonly Step[] | typeof reopen)[];

const historyArbitrary: fc.Arbitrary<History> = fc.array(stepsArbitrary, {
  minLength: 1,
  maxLength: 60,
  size: "max",
});

const reopenedHistoryArbitrary: fc.Arbitrary<History> = fc.array(
  fc.oneof({ weight: 25, arbitrary: stepsArbitrary }, { weight: 1, arbitrary: fc.constant(reopen) }),
  { minLength: 1, maxLength: 60, size: "max" },
);

/** Runs a random history on the store and on the model; what they say must be the same at every step. */
async function compare(
  history: History,
  scope: string,
  opened: { store: Store },
  context: StoreContext,
): Promise<void> {
  const model = new ModelStore();
  for (const part of history) {
    if (part === reopen) {
      await opened.store.close();
      opened.store = await context.open();
      continue;
    }
    const executions = part.map((step) => execute(step, scope, model, opened.store));
    const actual = await Promise.all(executions.map((execution) => execution.actual));
    assert.deepEqual(
      actual,
      executions.map(({ expected }) => expected),
    );
  }
}

function modelCase(
  category: "concurrency" | "reopen",
  name: string,
  histories: fc.Arbitrary<History>,
  numRuns: number,
): StoreCase {
  return {
    category,
    name,
    async run(context) {
      const opened = { store: await context.open() };
      let runs = 0;
      try {
        const property = fc.asyncProperty(histories, (history) =>
          compare(history, `history ${++runs}`, opened, context),
        );
        await fc.assert(property, { numRuns });
      } finally {
        await opened.store.close();
      }
    },
  };
}

export const modelCases: readonly StoreCase[] = [
  modelCase("concurrency", "random histories give what the model gives", historyArbitrary, 100),
  modelCase(
    "reopen",
    "random histories with closing and opening give what the model gives",
    reopenedHistoryArbitrary,
    10,
  ),
];
