import { createHash, randomUUID } from "node:crypto";
import type { Catalog, CatalogEntry, CatalogKey, LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { EngineError } from "../errors.ts";
import { findRun } from "../find-run.ts";
import { Mutex } from "../mutex.ts";

/** Where a user is. At least one of the texts is not empty. */
export interface Place {
  readonly namespace: string;
  readonly uid: string;
  readonly surface: string;
  readonly surfaceId: string;
}

/** What the catalog has of a place. */
interface Surface {
  /** The session that is there now. */
  readonly sessionId: string;
  /** Those that were there before, the last one first: a retry may still ask for a run of them. */
  readonly earlierSessionIds: readonly string[];
}

/** How many sessions of a place are remembered after they ended. */
const earlierSessionsMax = 8;

/**
 * Finds the session of a user in a place. Which one it is is durable before anybody is told, and calls that come
 * at once meet in one. A place is forgotten with its session.
 */
export class Surfaces {
  readonly #core: EngineCore;
  /** Places that are being looked up. */
  readonly #finding = new Map<string, Promise<string>>();
  /** Those who use a place now, and what they change of it, one after another. */
  readonly #used = new Map<string, { count: number; readonly mutex: Mutex }>();

  constructor(core: EngineCore) {
    this.#core = core;
    core.removals.push((session) => this.#forgetSession(session));
  }

  /**
   * Does something with the id of the session of a place. It need not exist yet: whoever starts a run in it makes it,
   * and where the task fails before it is made, the place is forgotten. A session that was ended or has expired is
   * replaced, unless it is the one that has the run `runId`.
   */
  async use<T>(place: Place, runId: string, task: (sessionId: string) => Promise<T> | T): Promise<T> {
    const key = { namespace: place.namespace, id: surfaceId(place) };
    return this.#hold(key, async (mutex) => {
      const sessionId = (await this.#withRun(key, runId)) ?? (await this.#findOnce(place, key, mutex));
      return task(sessionId);
    });
  }

  /** The session, of those that are and were in a place, that has a run. */
  async #withRun(key: LogKey, runId: string): Promise<string | undefined> {
    const { namespace } = key;
    const { catalog } = this.#core.store;
    const known = runId === "" ? undefined : await readSurface(catalog, key);
    for (const id of known ? [known.sessionId, ...known.earlierSessionIds] : [])
      if (await findRun(catalog, { namespace, id }, runId)) return id;
    return undefined;
  }

  #findOnce(place: Place, key: LogKey, mutex: Mutex): Promise<string> {
    const name = nameOf(key);
    const finding =
      this.#finding.get(name) ??
      mutex.run(() => this.#find(place, key)).finally(() => this.#finding.delete(name));
    this.#finding.set(name, finding);
    return finding;
  }

  async #find(place: Place, key: LogKey): Promise<string> {
    const { catalog } = this.#core.store;
    const known = await readSurface(catalog, key);
    if (known && !(await this.#isOver(key.namespace, known.sessionId))) return known.sessionId;
    const sessionId = randomUUID();
    const earlierSessionIds = known
      ? [known.sessionId, ...known.earlierSessionIds].slice(0, earlierSessionsMax)
      : [];
    await catalog.put([
      { put: surfaceEntry(place, { sessionId, earlierSessionIds }, this.#core.created().order) },
    ]);
    return sessionId;
  }

  /**
   * Keeps a place for the time of a task, with the mutex that everybody shares who uses it. Whoever leaves it last
   * after a failure looks whether there is a session at all.
   */
  async #hold<T>(key: LogKey, task: (mutex: Mutex) => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const used = this.#used.get(name) ?? { count: 0, mutex: new Mutex() };
    this.#used.set(name, used);
    used.count++;
    let hasFailed = true;
    try {
      const result = await task(used.mutex);
      hasFailed = false;
      return result;
    } finally {
      used.count--;
      const forget = async () => {
        if (used.count === 0) await this.#forgetUnused(key);
      };
      if (hasFailed && used.count === 0) await used.mutex.run(forget).catch(this.#core.onError);
      if (used.count === 0 && this.#used.get(name) === used) this.#used.delete(name);
    }
  }

  /** Forgets a place whose session nobody made. */
  async #forgetUnused(key: LogKey): Promise<void> {
    const { catalog } = this.#core.store;
    const { namespace } = key;
    const known = await readSurface(catalog, key);
    if (!known) return;
    const session = await catalog.get({ namespace, kind: "session", parent: "", id: known.sessionId });
    if (!session) await catalog.put([{ remove: entryKey(key) }]);
  }

  /** Forgets the places of a session that is being removed. */
  async #forgetSession({ namespace, id: sessionId }: LogKey): Promise<void> {
    const { catalog } = this.#core.store;
    const entries = await catalog.list({ kind: "surface", namespace, label: sessionId, limit: 1_000 });
    for (const { id } of entries) {
      const key = { namespace, id };
      await this.#hold(key, (mutex) =>
        mutex.run(async () => {
          if ((await readSurface(catalog, key))?.sessionId === sessionId)
            await catalog.put([{ remove: entryKey(key) }]);
        }),
      );
    }
  }

  /** Whether a session takes no more runs. One that does not exist yet takes them. */
  async #isOver(namespace: string, id: string): Promise<boolean> {
    try {
      // It knows also of a deadline that is not written down yet.
      await this.#core.sessions.use({ namespace, id }, (session) => session.assertOpen());
      return false;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.reason === "SESSION_ENDED" || error.reason === "SESSION_EXPIRED") return true;
      if (error.reason === "SESSION_NOT_FOUND") return false;
      throw error;
    }
  }
}

/** A digest, because three texts of 256 bytes may be longer than an id may be. */
function surfaceId({ uid, surface, surfaceId: id }: Place): string {
  return createHash("sha256")
    .update(JSON.stringify([uid, surface, id]))
    .digest("base64url");
}

function nameOf({ namespace, id }: LogKey): string {
  return JSON.stringify([namespace, id]);
}

function entryKey({ namespace, id }: LogKey): CatalogKey {
  return { namespace, kind: "surface", parent: "", id };
}

async function readSurface(catalog: Catalog, key: LogKey): Promise<Surface | undefined> {
  const entry = await catalog.get(entryKey(key));
  return entry && (JSON.parse(new TextDecoder().decode(entry.value)) as Surface);
}

function surfaceEntry(place: Place, surface: Surface, order: number): CatalogEntry {
  const { namespace, uid, surface: name, surfaceId: id } = place;
  return {
    namespace,
    kind: "surface",
    parent: "",
    id: surfaceId(place),
    label: surface.sessionId,
    state: "",
    order,
    value: new TextEncoder().encode(JSON.stringify({ ...surface, uid, surface: name, surfaceId: id })),
  };
}
