import { createHash } from "node:crypto";
import type { CatalogChange, CatalogEntry } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { EngineError, quote } from "../errors.ts";
import { canonicalJson } from "../fingerprint.ts";
import type { Session } from "../session.ts";
import type { StateUpdate } from "./session-states.ts";

/** What is kept of a change that had a key for safe retries. */
interface KnownRequest {
  readonly fingerprint: string;
  readonly changed: boolean;
}

/** A change that may have been made before. */
export interface ChangeRequest {
  /** What it did, if it was made before. */
  readonly before: KnownRequest | undefined;
  /** What to write with it, so that a retry is known. */
  entry(changed: boolean): CatalogChange[];
}

const kind = "request";
/** The first of so many changes of a session looks for requests that are too old. */
const tidyEvery = 128;

/** Knows the last changes of each session that had a key for safe retries. */
export class ChangeRequests {
  readonly #core: EngineCore;
  /** How many changes each session made since it was opened. */
  readonly #counts = new WeakMap<Session, number>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /** Looks a request up. Rejects with REQUEST_EXISTS if its key was used with another change. */
  async find(session: Session, update: StateUpdate): Promise<ChangeRequest> {
    const { requestId = "" } = update;
    if (requestId === "") return { before: undefined, entry: () => [] };
    const { namespace, id: parent } = session.key;
    const fingerprint = createHash("sha256").update(canonicalJson(update.change)).digest("base64url");
    const found = await this.#core.store.catalog.get({ namespace, kind, parent, id: requestId });
    const before = found && (JSON.parse(new TextDecoder().decode(found.value)) as KnownRequest);
    if (before && before.fingerprint !== fingerprint) {
      throw new EngineError(
        "REQUEST_EXISTS",
        `the request id ${quote(requestId)} was used with another change: choose a new one`,
        { request_id: requestId },
      );
    }
    const { order } = this.#core.created();
    const old = before || !this.#isTimeToTidy(session) ? [] : await this.#tooOld(session);
    return {
      before,
      entry: (changed) => {
        const value = new TextEncoder().encode(JSON.stringify({ fingerprint, changed }));
        const entry = { namespace, kind, parent, id: requestId, label: "", state: "", order, value };
        return [{ put: entry satisfies CatalogEntry }, ...old];
      },
    };
  }

  #isTimeToTidy(session: Session): boolean {
    const count = this.#counts.get(session) ?? 0;
    this.#counts.set(session, count + 1);
    return count % tidyEvery === 0;
  }

  /** Requests beyond those that are kept; looked for now and then. */
  async #tooOld(session: Session): Promise<CatalogChange[]> {
    const { namespace, id: parent } = session.key;
    const limit = 10_000;
    const all = await this.#core.store.catalog.list({ namespace, kind, parent, limit });
    return all.slice(this.#core.limits.stateRequestsMax).map(({ id }) => {
      return { remove: { namespace, kind, parent, id } };
    });
  }
}
