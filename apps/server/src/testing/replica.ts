import { serve } from "@dragoman/agent/serve";

/** An agent host of its own, behind the server. `await using` stops it. */
export interface Replica extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The authorization of every run, in order. */
  readonly credentials: readonly (string | null)[];
  /** The threads whose runs are held. */
  held(): string[];
  /** Lets the run of a thread end. */
  release(threadId: string): void;
}

/** Starts a host whose runs end at once, or, if their id begins with "hold", when they are released. */
export async function startReplica(port = 0): Promise<Replica> {
  const credentials: (string | null)[] = [];
  const held = new Map<string, () => void>();
  const host = await serve(
    {
      description: "Holds runs.",
      capabilities: () => ({ identity: { name: "Held" } }),
      async *run({ threadId, runId }, { signal }) {
        if (runId.startsWith("hold")) {
          yield { type: "STEP_STARTED", stepName: "hold" };
          await new Promise<void>((resolve) => {
            held.set(threadId, resolve);
            signal.addEventListener("abort", () => resolve());
          });
          held.delete(threadId);
          yield { type: "STEP_FINISHED", stepName: "hold" };
        }
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    },
    {
      port,
      interceptors: [
        (next) => (request) => {
          if (request.method.name === "RunAgent") credentials.push(request.header.get("authorization"));
          return next(request);
        },
      ],
    },
  );
  return {
    url: host.url,
    port: host.port,
    credentials,
    held: () => [...held.keys()],
    release: (threadId) => held.get(threadId)?.(),
    [Symbol.asyncDispose]: () => host.close(),
  };
}
