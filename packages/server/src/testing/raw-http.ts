import { connect, type Socket } from "node:net";

/** What came back over a raw connection. */
export interface RawAnswer {
  /** Everything that was received, as Latin-1. */
  readonly text: string;
  /** `end` after FIN, `error` after RST, `open` if the server kept the connection for `waitMs`. */
  readonly outcome: "end" | "error" | "open";
}

/** Sends bytes over a fresh connection and returns what came back until the server closes it. */
export async function sendRaw(
  port: number,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  options: { readonly waitMs?: number; readonly pauseMs?: number } = {},
): Promise<RawAnswer> {
  const socket = connect(port, "127.0.0.1");
  const answer = receive(socket, options.waitMs ?? 3_000);
  for (const part of typeof bytes === "string" || bytes instanceof Uint8Array ? [bytes] : bytes) {
    if (!socket.destroyed) {
      socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs ?? 0));
    }
  }
  return answer;
}

function receive(socket: Socket, waitMs: number): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = "";
    const settle = (outcome: RawAnswer["outcome"]) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, outcome });
    };
    const timer = setTimeout(settle, waitMs, "open");
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("end", () => settle("end"));
    socket.on("error", () => settle("error"));
  });
}

/** The preface of HTTP/2 with an empty SETTINGS frame. */
export const http2Preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** The status and JSON body of an HTTP/1.1 answer. */
export function parseAnswer(text: string): { status: number; body: { code: string; message: string } } {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const chunked = /^[0-9a-f]+\r\n([\s\S]*?)\r\n0/.exec(body);
  return { status: Number(head.split(" ")[1]), body: JSON.parse(chunked?.[1] ?? body) };
}
