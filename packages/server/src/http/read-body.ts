import { Code } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { reasonError } from "@dragoman/rpc";
import type { ExchangeRequest } from "./exchange-request.ts";

const compressions = [compressionGzip, compressionBrotli];

/**
 * Reads the body of a plain HTTP request, decompressed if `content-encoding` says so.
 *
 * Rejects with LIMIT_REACHED as soon as it is larger than `maxBytes`, and with UNSUPPORTED for other
 * encodings than gzip and br.
 */
export async function readBody(request: ExchangeRequest, maxBytes: number): Promise<Uint8Array> {
  const encoding = request.exchange.header("content-encoding") ?? "identity";
  const compression = compressions.find(({ name }) => name === encoding);
  if (encoding !== "identity" && compression === undefined) {
    const message = `The content encoding "${encoding}" is not read here; gzip, br and identity are.`;
    throw reasonError(Code.Unimplemented, "UNSUPPORTED", message);
  }
  if (Number(request.exchange.header("content-length") ?? 0) > maxBytes) {
    throw tooLarge(maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw tooLarge(maxBytes);
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks, size);
  return compression ? compression.decompress(body, maxBytes) : body;
}

function tooLarge(maxBytes: number) {
  const metadata = { limit: "readMaxBytes", value: maxBytes };
  const message = `The body is larger than the ${maxBytes} bytes that this server reads.`;
  return reasonError(Code.ResourceExhausted, "LIMIT_REACHED", message, { metadata });
}
