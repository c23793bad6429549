import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stream } from "./stream.ts";

/** The streams of one folder, or why there are none. */
export interface Corpus {
  readonly folder: string;
  readonly streams: readonly Stream[];
  /** Set if the folder is not there: a sentence for whoever reads the test output. */
  readonly leftOut?: string;
}

/** Our own streams. They are always there. */
export function loadOwnCorpus(): Corpus {
  const folder = fileURLToPath(new URL("../streams", import.meta.url));
  return { folder, streams: readStreams(folder) };
}

/**
 * The official streams of AG-UI 1.0, read in place: from the folder named by the environment variable
 * AGUI_STREAMS, else from `../shared/agui-1.0/streams` beside the repository if that exists.
 *
 * Throws if AGUI_STREAMS names a folder that is not there.
 */
export function loadOfficialCorpus(environment: NodeJS.ProcessEnv = process.env): Corpus {
  const named = environment.AGUI_STREAMS;
  const folder = named ?? fileURLToPath(new URL("../../../shared/agui-1.0/streams", import.meta.url));
  if (existsSync(folder)) return { folder, streams: readStreams(folder) };
  if (named !== undefined) throw new Error(`AGUI_STREAMS names ${named}, which does not exist`);
  const leftOut = "the official AG-UI streams are left out: set AGUI_STREAMS to the folder that holds them";
  return { folder, streams: [], leftOut };
}

function readStreams(folder: string): Stream[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
}
