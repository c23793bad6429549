// Runs the command line of the clone: npm run dragoman -- <command> …
import { join } from "node:path";
import { build, nodePath, root, run, setup } from "./workspace.mjs";

await setup({ quiet: false });
await build();
process.exitCode = await run(nodePath(), [join(root, "apps/server/dist/main.js"), ...process.argv.slice(2)], {
  cwd: process.cwd(),
});
