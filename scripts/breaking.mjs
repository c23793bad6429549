// Checks that the contract breaks nothing that main promised.
// Compares with $DRAGOMAN_BREAKING_REF, else origin/main, else main; on main itself also with the commit before.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, root } from "./workspace.mjs";

const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" });
const commitOf = (ref) => {
  const result = git("rev-parse", "--verify", "--quiet", `${ref}^{commit}`);
  return result.status === 0 ? result.stdout.trim() : undefined;
};

const named = process.env.DRAGOMAN_BREAKING_REF;
const base = named ? commitOf(named) : (commitOf("origin/main") ?? commitOf("main"));
if (!base) {
  console.log(named ? `${named} is not a commit` : "no main branch to compare with: nothing checked");
  process.exit(named ? 1 : 0);
}
const bases = new Set([base]);
const before = commitOf("HEAD~1");
if (base === commitOf("HEAD") && before) bases.add(before);

let failed = false;
for (const commit of bases) failed = check(commit) || failed;
process.exit(failed ? 1 : 0);

function check(commit) {
  const folder = mkdtempSync(join(tmpdir(), "dragoman-breaking-"));
  try {
    const archive = spawnSync("git", ["archive", commit, "api", "buf.yaml"], {
      cwd: root,
      maxBuffer: 64 << 20,
    });
    if (archive.status !== 0) return false; // the contract did not exist there
    spawnSync("tar", ["-x", "-C", folder], { input: archive.stdout });
    cpSync(join(root, "packages/contract/third_party"), join(folder, "packages/contract/third_party"), {
      recursive: true,
    });
    const result = spawnSync(join(root, "node_modules/.bin/buf"), ["breaking", "--against", folder], {
      cwd: root,
      env: environment(),
      encoding: "utf8",
    });
    process.stdout.write(`${result.stdout}${result.stderr}`);
    if (result.status === 0) console.log(`nothing broken since ${commit.slice(0, 12)}`);
    return result.status !== 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
