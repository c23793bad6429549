import type { OpenEntities } from "./open-entities.ts";
import type { Owners } from "./owners.ts";

/** What the rules of one run look at and change. */
export interface RunState {
  readonly open: OpenEntities;
  readonly owners: Owners;
  /** Notes one more entity. Throws `too_many_entities` above the verifier's limit. */
  count(): void;
}
