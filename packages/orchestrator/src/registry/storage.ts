import { EngineError } from "@dragoman/engine";
import { type Catalog, type CatalogChange, StoreFullError } from "@dragoman/event-log";

/** Changes the catalog. Rejects with STORAGE_FULL or STORAGE_UNAVAILABLE: then nothing has changed. */
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
    throw new EngineError("STORAGE_UNAVAILABLE", "the store cannot be written: try again later");
  }
}
