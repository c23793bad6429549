import { create } from "@bufbuild/protobuf";
import { diffState, type Json, patchOperationToMessage } from "@dragoman/agui";
import { type StatePatch, StatePatchSchema } from "@dragoman/contract/orchestrator/v1/state_service_pb";

interface KnownDiff {
  readonly after: Json;
  readonly patch: StatePatch | undefined;
}

/**
 * Differences between versions of states as messages, made once for all who watch the same session: what a change
 * costs does not grow with a large state and the number of its watchers together.
 */
export class StateDiffs {
  /** The last difference from each version. */
  readonly #known = new WeakMap<object, KnownDiff>();

  /** The patch from one version to another; undefined where they are the same. Do not change it. */
  patch(before: Json, after: Json): StatePatch | undefined {
    const isShared = typeof before === "object" && before !== null;
    const known = isShared ? this.#known.get(before) : undefined;
    if (known && Object.is(known.after, after)) return known.patch;
    const operations = diffState(before, after).map(patchOperationToMessage);
    const patch = operations.length > 0 ? create(StatePatchSchema, { operations }) : undefined;
    if (isShared) this.#known.set(before, { after, patch });
    return patch;
  }
}
