export { abortReason, deadlineError, raceAbort, raceDeadline } from "./abort.ts";
export { batchOf, type ReadyItem, readyBatches, readyItem } from "./ready-batch.ts";
export {
  type ErrorDetail,
  type ErrorReasonName,
  errorDomain,
  errorInfoOf,
  errorReasonOf,
  type ReasonErrorOptions,
  reasonError,
} from "./reason-error.ts";
