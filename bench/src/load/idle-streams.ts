import type { ClientHttp2Session } from "node:http2";
import { openSession } from "./read-streams.ts";
import { makeRequest } from "./requests.ts";

/** Streams that are open and say nothing. */
export interface IdleStreams {
  close(): Promise<void>;
}

/** Opens streams on so many connections and waits until each has brought its first event. */
export async function openIdleStreams(
  port: number,
  count: number,
  connections: number,
): Promise<IdleStreams> {
  const sessions = await Promise.all(Array.from({ length: connections }, () => openSession(port)));
  await Promise.all(
    Array.from({ length: count }, (_, index) => open(sessions[index % connections] as ClientHttp2Session)),
  );
  return {
    close: async () => {
      const closed = sessions.map(
        (session) => new Promise<void>((resolve) => session.once("close", resolve)),
      );
      for (const session of sessions) session.destroy();
      await Promise.all(closed);
    },
  };
}

function open(session: ClientHttp2Session): Promise<void> {
  const { path, headers, body } = makeRequest("grpc", { kind: "idle" });
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.once("data", () => resolve());
    stream.on("error", (error) => reject(error));
    stream.on("end", () => reject(new Error("the stream ended")));
    stream.end(body);
  });
}
