import { acquireCases, appendCases } from "./append-cases.ts";
import { entryCases, listCases } from "./catalog-cases.ts";
import { closeCases, reopenCases } from "./close-cases.ts";
import { concurrencyCases } from "./concurrency-cases.ts";
import { keyCases } from "./key-cases.ts";
import { largeCases } from "./large-cases.ts";
import { modelCases } from "./model-cases.ts";
import { readCases, recordCases, waitCases } from "./read-cases.ts";
import { removeCases } from "./remove-cases.ts";
import type { StoreCase } from "./store-case.ts";
import { trimCases } from "./trim-cases.ts";

export type { StoreCase, StoreCategory, StoreContext } from "./store-case.ts";

/**
 * What every store does, as cases for whatever test runner: run each with a context of its own, whose store
 * is empty. A store that keeps nothing leaves out the category `reopen`.
 */
export const storeConformance: readonly StoreCase[] = [
  ...acquireCases,
  ...appendCases,
  ...readCases,
  ...waitCases,
  ...recordCases,
  ...trimCases,
  ...removeCases,
  ...entryCases,
  ...listCases,
  ...keyCases,
  ...largeCases,
  ...concurrencyCases,
  ...closeCases,
  ...reopenCases,
  ...modelCases,
];
