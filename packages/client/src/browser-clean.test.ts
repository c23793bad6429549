import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** All modules that an entry of this package loads: its own files, and the names of others. */
async function modulesFrom(
  entry: string,
  files = new Map<string, string[]>(),
): Promise<Map<string, string[]>> {
  if (files.has(entry)) return files;
  const source = await readFile(entry, "utf8");
  const imports = [...source.matchAll(/^(?:import|export)(?! type)[^;]*? from "([^"]+)"/gm)].map(
    ([, name = ""]) => name,
  );
  files.set(entry, imports);
  for (const name of imports)
    if (name.startsWith(".")) await modulesFrom(resolve(dirname(entry), name), files);
  return files;
}

const here = dirname(fileURLToPath(import.meta.url));

it("the root entry loads nothing that only Node has", async () => {
  const files = await modulesFrom(resolve(here, "index.ts"));
  const foreign = [...files.values()].flat().filter((name) => !name.startsWith("."));
  expect(files.size).toBeGreaterThan(15);
  expect(foreign.length).toBeGreaterThan(5);
  expect(foreign.filter((name) => name.startsWith("node:") || name.endsWith("connect-node"))).toEqual([]);
});

it("the entry for Node does", async () => {
  const files = await modulesFrom(resolve(here, "node.ts"));
  expect([...files.values()].flat()).toEqual(
    expect.arrayContaining(["node:http2", "@connectrpc/connect-node"]),
  );
});
