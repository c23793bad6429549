import { readConfig, type ServeFlags, startProgram } from "../index.ts";

/** The program, started in this process on a free port with everything in memory. `await using` stops it. */
export interface TestServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** What it would have told its operator. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

/** Starts the program as `dragoman serve` does, with the test agents. */
export async function startTestServer(
  flags: ServeFlags = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const errors: unknown[] = [];
  const config = readConfig(
    { port: "0", memory: true, testAgents: true, drainMs: "500", ...flags },
    environment,
  );
  const program = await startProgram(config, environment, (error) => errors.push(error));
  const close = () => program.close();
  return { url: program.address.url, errors, close, [Symbol.asyncDispose]: close };
}
