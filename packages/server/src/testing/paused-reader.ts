import type * as http2 from "node:http2";
import { connect } from "node:net";

const path = "/agent.v1.AGUIService/RunAgent";

function envelope(json: string): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(json));
  bytes.writeUInt32BE(bytes.length - 5, 1);
  bytes.write(json, 5);
  return bytes;
}

/** A client that opens a stream and takes nothing of it until it is told to. */
export interface PausedReader {
  /** Begins to read, and tells what came: bytes, trailers, and how it ended. */
  readAll(): Promise<{ bytes: number; trailers: http2.IncomingHttpHeaders; outcome: string }>;
  close(): void;
}

/** Opens an endless gRPC stream over HTTP/2 and does not read it. */
export async function pausedHttp2Reader(session: http2.ClientHttp2Session): Promise<PausedReader> {
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+json",
    te: "trailers",
  });
  stream.pause();
  let trailers: http2.IncomingHttpHeaders = {};
  let outcome = "";
  stream.on("trailers", (given) => {
    trailers = given;
  });
  stream.on("error", (error) => {
    outcome = error.message;
  });
  stream.end(envelope(JSON.stringify({ input: { threadId: "t", runId: "endless" } })));
  await new Promise((resolve) => stream.once("response", resolve));
  return {
    readAll: async () => {
      let bytes = 0;
      stream.on("data", (chunk) => {
        bytes += chunk.length;
      });
      stream.resume();
      if (!stream.destroyed) {
        await new Promise((resolve) => stream.once("close", resolve));
      }
      return { bytes, trailers, outcome: outcome || "end" };
    },
    close: () => session.destroy(),
  };
}

/** Opens an endless Connect stream over HTTP/1.1 and does not read it. */
export async function pausedHttp1Reader(port: number): Promise<PausedReader> {
  const socket = connect(port, "127.0.0.1");
  const body = envelope(JSON.stringify({ input: { threadId: "t", runId: "endless" } }));
  let outcome = "";
  socket.on("error", (error) => {
    outcome = error.message;
  });
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  await new Promise((resolve) => socket.once("readable", resolve));
  return {
    readAll: async () => {
      let bytes = 0;
      socket.on("data", (chunk) => {
        bytes += chunk.length;
      });
      if (!socket.destroyed) {
        await new Promise((resolve) => socket.once("close", resolve));
      }
      return { bytes, trailers: {}, outcome: outcome || "end" };
    },
    close: () => socket.destroy(),
  };
}
