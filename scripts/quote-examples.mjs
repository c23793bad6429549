// Writes the examples that the documentation quotes: a code block ```ts <file> gets the text of that file.
// With --check it changes nothing and fails if a quote is out of date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.mjs";

const check = process.argv.includes("--check");
const files = ["README.md", "docs/guides", "packages"].flatMap((path) => markdownFiles(path));
let stale = 0;
for (const file of files) {
  const before = readFileSync(join(root, file), "utf8");
  const after = before.replace(/```ts (\S+)\n[\s\S]*?```/g, (_, source) => {
    return `\`\`\`ts ${source}\n${readFileSync(join(root, source), "utf8").trimEnd()}\n\`\`\``;
  });
  if (after === before) continue;
  stale++;
  console.log(
    `${file}: ${check ? "quotes an example as it was; npm run format brings it up to date" : "updated"}`,
  );
  if (!check) writeFileSync(join(root, file), after);
}
process.exitCode = check && stale > 0 ? 1 : 0;

function markdownFiles(path) {
  if (path.endsWith(".md")) return [path];
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    if (["node_modules", "dist", "gen", "third_party"].includes(entry.name)) return [];
    const below = join(path, entry.name);
    return entry.isDirectory() || below.endsWith(".md") ? markdownFiles(below) : [];
  });
}
