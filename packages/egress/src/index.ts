export {
  createEgressFetch,
  type EgressFetch,
  type EgressFetchOptions,
  type EgressRequest,
  type EgressResponse,
} from "./egress-fetch.ts";
export { EgressError, type EgressErrorCode, type EgressErrorDetails } from "./errors.ts";
export { checkHeaders } from "./headers.ts";
export {
  createEgressPolicy,
  type EgressPolicy,
  type EgressPolicyOptions,
  type Resolve,
} from "./policy.ts";
