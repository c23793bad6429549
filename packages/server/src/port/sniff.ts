import type { Socket } from "node:net";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What a connection turned out to speak. */
export type SniffedProtocol = "http1" | "http2";

/**
 * Reads just enough of a fresh connection to tell HTTP/2 with prior knowledge from HTTP/1.1.
 *
 * What was read is put back. A connection that stays undecided for `timeoutMs` is destroyed; one that
 * ends or fails calls nobody. Returns a function that gives up at once.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  decided: (protocol: SniffedProtocol) => void,
): () => void {
  let seen: Buffer = Buffer.alloc(0);
  const stop = () => {
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", stop);
  };
  const onReadable = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    }
    const length = Math.min(seen.length, preface.length);
    const matches = seen.subarray(0, length).equals(preface.subarray(0, length));
    if (matches && length < preface.length) {
      return; // both are still possible: POST begins with a P too
    }
    stop();
    socket.unshift(seen);
    decided(matches ? "http2" : "http1");
  };
  const onEnd = () => {
    stop();
    socket.destroy();
  };
  const timer = setTimeout(onEnd, timeoutMs);
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", stop);
  return onEnd;
}
