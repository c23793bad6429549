import { BinaryReader } from "@bufbuild/protobuf/wire";
import * as grpc from "@grpc/grpc-js";

/** The protocols whose bytes can be looked at without any client of the contract. */
export const rawProtocols = ["grpc", "grpc-web", "connect"] as const;
export type RawProtocol = (typeof rawProtocols)[number];

const eventField = 3;
const endOfStream = 0b1000_0010;
const envelopeBytes = 5;

/** Calls a method that streams events, and returns the bytes of each event as they came over the wire. */
export async function rawEvents(
  baseUrl: string,
  protocol: RawProtocol,
  method: string,
  request: Uint8Array,
): Promise<Uint8Array[]> {
  const messages =
    protocol === "grpc"
      ? await overGrpc(baseUrl, method, request)
      : await overFetch(
          baseUrl,
          `application/${protocol === "connect" ? "connect" : "grpc-web"}+proto`,
          method,
          request,
        );
  return messages.flatMap(eventIn);
}

async function overGrpc(baseUrl: string, method: string, request: Uint8Array): Promise<Uint8Array[]> {
  const client = new grpc.Client(new URL(baseUrl).host, grpc.credentials.createInsecure());
  const same = (bytes: Uint8Array) => Buffer.from(bytes);
  const messages: Uint8Array[] = [];
  try {
    const stream = client.makeServerStreamRequest(`/${method}`, same, same, request);
    for await (const message of stream) messages.push(message as Uint8Array);
  } finally {
    client.close();
  }
  return messages;
}

async function overFetch(
  baseUrl: string,
  contentType: string,
  method: string,
  request: Uint8Array,
): Promise<Uint8Array[]> {
  const body = new Uint8Array(envelopeBytes + request.length);
  new DataView(body.buffer).setUint32(1, request.length);
  body.set(request, envelopeBytes);
  const headers = { "content-type": contentType };
  const response = await fetch(`${baseUrl}/${method}`, { method: "POST", headers, body });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const messages: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + envelopeBytes + view.getUint32(start + 1);
    if (((bytes[start] ?? 0) & endOfStream) === 0) messages.push(bytes.subarray(start + envelopeBytes, end));
    start = end;
  }
  return messages;
}

function eventIn(message: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === eventField) return [reader.bytes()];
    reader.skip(wireType, field);
  }
  return [];
}
