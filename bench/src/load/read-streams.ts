import { Agent, request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Plan } from "../workload.ts";
import { createCounter } from "./counter.ts";
import { type LoadProtocol, makeRequest } from "./requests.ts";

/** Which streams to read at the same time. */
export interface Load {
  readonly protocol: LoadProtocol;
  readonly httpVersion: 1 | 2;
  readonly port: number;
  readonly plan: Plan;
  readonly streams: number;
}

/** Reads streams to their end; returns how many events came on all of them together. */
export async function readStreams(load: Load): Promise<number> {
  const counts = load.httpVersion === 2 ? await readOverHttp2(load) : await readOverHttp1(load);
  return counts.reduce((sum, count) => sum + count, 0);
}

async function readOverHttp2({ protocol, port, plan, streams }: Load): Promise<number[]> {
  const session = await openSession(port);
  try {
    return await Promise.all(Array.from({ length: streams }, () => readOne(session, protocol, plan)));
  } finally {
    session.destroy();
  }
}

/** Opens a connection whose windows never hold the server back. */
export async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 << 24 } });
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  session.setLocalWindowSize(1 << 28);
  return session;
}

function readOne(session: ClientHttp2Session, protocol: LoadProtocol, plan: Plan): Promise<number> {
  const { path, headers, body } = makeRequest(protocol, plan);
  const counter = createCounter(protocol);
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    let grpcStatus: unknown;
    stream.on("response", (fields) => {
      if (fields[":status"] !== 200) reject(new Error(`HTTP ${fields[":status"]}`));
      grpcStatus = fields["grpc-status"];
    });
    stream.on("trailers", (fields) => {
      grpcStatus = fields["grpc-status"];
    });
    stream.on("data", (chunk: Buffer) => counter.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      if (protocol === "grpc" && grpcStatus !== "0") return reject(new Error(`gRPC status ${grpcStatus}`));
      settle(resolve, reject, () => counter.events());
    });
    stream.end(body);
  });
}

async function readOverHttp1({ protocol, port, plan, streams }: Load): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: streams });
  const readOne = () =>
    new Promise<number>((resolve, reject) => {
      const { path, headers, body } = makeRequest(protocol, plan);
      const counter = createCounter(protocol);
      const request = httpRequest(
        { host: "127.0.0.1", port, path, method: "POST", headers, agent },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}`));
          response.on("data", (chunk: Buffer) => counter.push(chunk));
          response.on("error", reject);
          response.on("end", () => settle(resolve, reject, () => counter.events()));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  try {
    return await Promise.all(Array.from({ length: streams }, readOne));
  } finally {
    agent.destroy();
  }
}

function settle(
  resolve: (count: number) => void,
  reject: (error: unknown) => void,
  read: () => number,
): void {
  try {
    resolve(read());
  } catch (error) {
    reject(error);
  }
}
