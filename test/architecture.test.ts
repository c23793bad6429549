import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/**
 * Who may import whom, at run time. The table is the architecture: a new line in it is a decision, and
 * ARCHITECTURE.md says why the arrows point this way.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "packages/contract": [],
  "packages/agui": ["contract"],
  "packages/event-log": [],
  "packages/egress": [],
  "packages/rpc": ["agui", "contract"],
  "packages/client": ["agui", "contract"],
  "packages/server": ["agui", "contract", "rpc"],
  "packages/agent": ["agui", "client", "contract", "rpc", "server"],
  "packages/engine": ["agent", "agui", "contract", "event-log"],
  "packages/orchestrator": ["agent", "agui", "contract", "egress", "engine", "event-log", "rpc"],
  "packages/protocols/sse": ["agui", "contract", "rpc", "server"],
  "packages/stores/sqlite": ["event-log"],
  "packages/adapters/ag-ui": ["agent", "agui"],
  "packages/adapters/demo": ["agent", "agui"],
  "packages/adapters/http-tools": ["egress"],
  "packages/adapters/llm": ["agent", "agui"],
  "packages/adapters/script": ["agent", "agui"],
  "packages/testing": [],
};

/** Packages that may be used only by tests. */
const onlyForTests = ["@dragoman/testing"];

/** Packages that no source file of a folder may import, whatever else it may. */
const forbidden: readonly { readonly folder: string; readonly imports: RegExp; readonly why: string }[] = [
  { folder: "packages/engine", imports: /^@connectrpc\//, why: "the engine knows no wire" },
  {
    folder: "packages/engine",
    imports: /^@dragoman\/agent\//,
    why: "the engine uses the port, not its hosts",
  },
  { folder: "packages/agui", imports: /^(@connectrpc\/|node:)/, why: "what AG-UI means runs everywhere" },
  {
    folder: "packages/event-log",
    imports: /^(@bufbuild|@connectrpc)\//,
    why: "the log knows nothing of AG-UI",
  },
  { folder: "packages/stores", imports: /^(@bufbuild|@connectrpc)\//, why: "a store knows nothing of AG-UI" },
];

const root = fileURLToPath(new URL("..", import.meta.url));
const skipped = new Set(["node_modules", "dist", "gen", "third_party", ".turbo"]);

function packageFolders(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  return entries.flatMap(({ name }) => {
    const path = join(folder, name);
    if (skipped.has(name)) return [];
    return exists(join(root, path, "package.json")) ? [path] : packageFolders(path);
  });
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourceFiles(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const patterns = [
    /^(?:import|export)\b[^;"]*\bfrom\s+"([^"]+)"/gm,
    /\bimport\("([^"]+)"\)/g,
    /^import\s+"([^"]+)"/gm,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ""));
}

const isTest = (file: string) => /\.test\.ts$|\/test\/|\/testing\/|\/conformance\//.test(file);
const folders = packageFolders("packages");

test("every package is in the table, and the table names no other", () => {
  expect(folders.toSorted()).toEqual(Object.keys(allowed).toSorted());
});

test.each(folders)("%s depends on what the table allows", (folder) => {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const own = Object.keys(dependencies).filter((name) => name.startsWith("@dragoman/"));
  expect(
    own.map((name) => name.slice("@dragoman/".length)).filter((name) => !allowed[folder]?.includes(name)),
  ).toEqual([]);
});

test.each(folders)("%s imports only what its package.json says", (folder) => {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const runtime = new Set(Object.keys(manifest.dependencies ?? {}));
  const forTests = new Set([
    ...runtime,
    ...Object.keys(manifest.devDependencies ?? {}),
    "vitest",
    ...onlyForTests,
  ]);
  const wrong = sourceFiles(folder).flatMap((file) =>
    importsOf(file)
      .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
      .map((name) =>
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      )
      .filter((name) => !(isTest(file) ? forTests : runtime).has(name) && name !== manifest.name)
      .map((name) => `${file} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

test.each(folders)("%s reaches no other package through its files", (folder) => {
  const wrong = sourceFiles(folder).flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith("."))
      .map((name) => relative(join(root, folder), join(root, dirname(file), name)))
      .filter((path) => path.startsWith(".."))
      .map((path) => `${file} imports ${path}`),
  );
  expect(wrong).toEqual([]);
});

test.each(forbidden)("$folder imports nothing like $imports: $why", ({ folder, imports }) => {
  const wrong = sourceFiles(folder)
    .filter((file) => !isTest(file))
    .flatMap((file) =>
      importsOf(file)
        .filter((name) => imports.test(name))
        .map((name) => `${file} imports ${name}`),
    );
  expect(wrong).toEqual([]);
});

/** Files that are one long list. */
const longLists = ["packages/agui/src/types.ts"];

test("no source file is longer than 400 lines", () => {
  const long = ["packages", "apps"]
    .flatMap(sourceFiles)
    .filter((file) => !isTest(file) && !longLists.includes(file))
    .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length }))
    .filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});
