import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { EgressError } from "./errors.ts";

/** What the client says it can decode. */
export const acceptedEncodings = "gzip, br, deflate";

type Decode = (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const gunzip: Decode = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip);
const inflate: Decode = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate);
const inflateRaw: Decode = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflateRaw);
const unbrotli: Decode = promisify<Uint8Array, zlib.BrotliOptions, Uint8Array>(zlib.brotliDecompress);

/** Undoes the content encoding of a body. Throws `EgressError` where it cannot, or the result is too large. */
export async function decodeBody(
  body: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
  host: string,
): Promise<Uint8Array> {
  const name = (encoding ?? "").trim().toLowerCase();
  if (body.length === 0 || name === "" || name === "identity") return body;
  const decode = decoderOf(name, body);
  if (decode === undefined) throw undecodable(host);
  try {
    return await decode(body, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge(host, maxBytes);
    }
    throw undecodable(host, cause);
  }
}

/** The error of an answer that is larger than what is taken. */
export function tooLarge(host: string, maxBytes: number): EgressError {
  return new EgressError("RESPONSE_TOO_LARGE", `${host} answered with more than ${maxBytes} bytes.`, {
    host,
  });
}

function decoderOf(name: string, [first]: Uint8Array): Decode | undefined {
  switch (name) {
    case "gzip":
    case "x-gzip":
      return gunzip;
    case "br":
      return unbrotli;
    case "deflate":
      // The standard says zlib's format; some servers send what is inside it only.
      return (first! & 0x0f) === 8 ? inflate : inflateRaw;
    default:
      return undefined;
  }
}

function undecodable(host: string, cause?: unknown): EgressError {
  const message = `${host} answered with a body whose content encoding is not ${acceptedEncodings}, or is broken.`;
  return new EgressError("INVALID_RESPONSE", message, { host, cause });
}
