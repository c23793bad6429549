import { createHash, randomUUID } from "node:crypto";
import type { Catalog, CatalogEntry } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { EngineError } from "../errors.ts";
import { findRun } from "../find-run.ts";

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
 * at once meet in one.
 */
export class Surfaces {
  readonly #core: EngineCore;
  /** Places that are being looked up. */
  readonly #finding = new Map<string, Promise<string>>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /**
   * Returns the id of the session of a place. It need not exist yet: whoever starts a run in it makes it. One that
   * was ended or has expired is replaced, unless it is the one that has the run `runId`.
   */
  async sessionOf(place: Place, runId: string): Promise<string> {
    const { catalog } = this.#core.store;
    const known = await readSurface(catalog, place);
    if (known && runId !== "") {
      for (const sessionId of [known.sessionId, ...known.earlierSessionIds])
        if (await findRun(catalog, { namespace: place.namespace, id: sessionId }, runId)) return sessionId;
    }
    const id = surfaceId(place);
    const name = JSON.stringify([place.namespace, id]);
    const finding = this.#finding.get(name) ?? this.#find(place).finally(() => this.#finding.delete(name));
    this.#finding.set(name, finding);
    return finding;
  }

  async #find(place: Place): Promise<string> {
    const { catalog } = this.#core.store;
    const known = await readSurface(catalog, place);
    if (known && !(await this.#isOver(place.namespace, known.sessionId))) return known.sessionId;
    const sessionId = randomUUID();
    const earlierSessionIds = known
      ? [known.sessionId, ...known.earlierSessionIds].slice(0, earlierSessionsMax)
      : [];
    await catalog.put([
      { put: surfaceEntry(place, { sessionId, earlierSessionIds }, this.#core.created().order) },
    ]);
    return sessionId;
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

async function readSurface(catalog: Catalog, place: Place): Promise<Surface | undefined> {
  const entry = await catalog.get({
    namespace: place.namespace,
    kind: "surface",
    parent: "",
    id: surfaceId(place),
  });
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
