import { EngineError } from "@dragoman/engine";
import { type Catalog, type CatalogChange, StoreFullError } from "@dragoman/event-log";

/**
 * Changes the catalog. Rejects with STORAGE_FULL or STORAGE_UNAVAILABLE where that was not done. A store that failed
 * may have done it nevertheless: then it is asked, so that what is kept is what is served.
 */
export async function put(catalog: Catalog, change: CatalogChange): Promise<void> {
  try {
    await catalog.put([change]);
  } catch (error) {
    if (error instanceof StoreFullError) {
      throw new EngineError(
        "STORAGE_FULL",
        "the store has no room: nothing was changed; free space and try again",
      );
    }
    if (!(await wasDone(catalog, change))) {
      throw new EngineError("STORAGE_UNAVAILABLE", "the store cannot be written: try again later");
    }
  }
}

async function wasDone(catalog: Catalog, change: CatalogChange): Promise<boolean> {
  const key = "put" in change ? change.put : change.remove;
  try {
    const found = await catalog.get(key);
    if (!("put" in change)) return found === undefined;
    return found !== undefined && Buffer.from(found.value).equals(change.put.value);
  } catch {
    return false;
  }
}
