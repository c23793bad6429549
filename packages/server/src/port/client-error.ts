import type { Duplex } from "node:stream";

/**
 * Answers what is not even HTTP/1.1, as far as the client can still read it, and closes.
 *
 * `answering` tells that a response is on its way already: a second one would be read as part of it.
 */
export function answerClientError(error: Error, socket: Duplex, answering: boolean): void {
  const code = "code" in error ? String(error.code) : "";
  if (!socket.writable || code === "ECONNRESET" || answering) {
    socket.destroy();
    return;
  }
  const { status, text, message } = describe(code);
  const body = JSON.stringify({ code: status === 408 ? "deadline_exceeded" : "invalid_argument", message });
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}

function describe(code: string): { status: number; text: string; message: string } {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return {
        status: 431,
        text: "Request Header Fields Too Large",
        message: "The headers are larger than this server reads.",
      };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, text: "Request Timeout", message: "The headers did not arrive in time." };
    default:
      return {
        status: 400,
        text: "Bad Request",
        message: `This is not HTTP/1.1 or HTTP/2 as this server reads it${code ? ` (${code})` : ""}.`,
      };
  }
}
