import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** The folder of the project. */
export const projectFolder = fileURLToPath(new URL("../../../..", import.meta.url));

/** What a shell said. */
export interface ShellResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The commands of the blocks of a page that are marked so, one by one. */
export function commandsIn(markdown: string, block: string): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${block}\n([\\s\\S]*?)^\`\`\``, "gm"))].flatMap(
    ([, lines = ""]) =>
      lines
        .replaceAll("\\\n", " ")
        .split("\n")
        .filter((line) => line.trim() !== ""),
  );
}

/** The TypeScript files that a page quotes, by their paths in the project. */
export function examplesIn(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts (\S+)$/gm)].map(([, path = ""]) => path);
}

/** The files that a page links to, by their paths beside it. */
export function linksIn(markdown: string): string[] {
  return [...markdown.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path = ""]) => path);
}

/** Runs a line of the documentation as a shell in the clone does, against another server than the default one. */
export async function runLine(line: string, serverUrl: string): Promise<ShellResult> {
  const replaced = line
    .replaceAll("http://127.0.0.1:50051", serverUrl)
    .replaceAll("127.0.0.1:50051", new URL(serverUrl).host)
    .replaceAll(/\bnpx buf\b/g, "node_modules/.bin/buf");
  const child = spawn("sh", ["-c", replaced], {
    cwd: projectFolder,
    env: { ...process.env, DRAGOMAN_SERVER: serverUrl, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}
