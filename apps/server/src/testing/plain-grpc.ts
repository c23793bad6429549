import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { projectFolder } from "./documentation.ts";

/** A message as proto-loader has it: plain objects, enums and oneofs by name. */
export type Reply = Record<string, unknown>;

/** A stream in both directions. */
export interface BothWays {
  send(request: object): void;
  /** Reads until an item is what is looked for; rejects if the stream ends before. */
  until(isIt: (item: Reply) => boolean): Promise<Reply>;
  /** Ends the sending side, and waits for the end of the other. */
  end(): Promise<void>;
}

/** grpc-js with the protos of `api/` and nothing of ours: a client as any language has it. */
export interface PlainGrpc {
  /** Every RPC there is, such as "agent.v1.AGUIService/RunAgent". */
  readonly methods: readonly string[];
  /** Those that were called. */
  readonly called: ReadonlySet<string>;
  call(method: string, request: object): Promise<Reply>;
  /** Reads a stream, to its end or until an item is what is looked for, and leaves it then. */
  read(method: string, request: object, isLast?: (item: Reply) => boolean): Promise<Reply[]>;
  open(method: string): BothWays;
  close(): void;
}

const files = ["agent/v1", "orchestrator/v1"];

/** Opens a client to a server. */
export function openPlainGrpc(serverUrl: string, protoNames: readonly string[]): PlainGrpc {
  const definition = loadSync([...protoNames], {
    includeDirs: ["api", "api/third_party", "packages/contract/third_party"].map((path) =>
      join(projectFolder, path),
    ),
    longs: Number,
    enums: String,
    oneofs: true,
    defaults: true,
  });
  return new GrpcJs(new URL(serverUrl).host, definition);
}

class GrpcJs implements PlainGrpc {
  readonly methods: readonly string[];
  readonly called = new Set<string>();
  readonly #host: string;
  readonly #definition: PackageDefinition;
  readonly #clients = new Map<string, grpc.Client>();

  constructor(host: string, definition: PackageDefinition) {
    this.#host = host;
    this.#definition = definition;
    this.methods = Object.entries(definition).flatMap(([name, one]) =>
      files.some((folder) => name.startsWith(`${folder.replace("/", ".")}.`)) && !("format" in one)
        ? Object.keys(one).map((method) => `${name}/${method}`)
        : [],
    );
  }

  call(method: string, request: object): Promise<Reply> {
    type Unary = (request: object, done: (error: grpc.ServiceError | null, reply: Reply) => void) => void;
    return new Promise((resolve, reject) => {
      const { client, call } = this.#method<Unary>(method);
      call.call(client, request, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  }

  async read(method: string, request: object, isLast?: (item: Reply) => boolean): Promise<Reply[]> {
    const { client, call } = this.#method<(request: object) => grpc.ClientReadableStream<Reply>>(method);
    const stream = call.call(client, request);
    const items: Reply[] = [];
    for await (const item of stream) {
      items.push(item as Reply);
      if (isLast?.(item as Reply)) break;
    }
    return items;
  }

  open(method: string): BothWays {
    const { client, call } = this.#method<() => grpc.ClientDuplexStream<object, Reply>>(method);
    const stream = call.call(client);
    const items = stream[Symbol.asyncIterator]();
    return {
      send: (request) => void stream.write(request),
      async until(isIt) {
        const seen: string[] = [];
        for (;;) {
          const { done, value } = await items.next();
          if (done) throw new Error(`the stream ended; it had ${seen.join(", ")}`);
          seen.push(JSON.stringify(value));
          if (isIt(value as Reply)) return value as Reply;
        }
      },
      async end() {
        stream.end();
        while (!(await items.next()).done);
      },
    };
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  #method<T>(name: string): { readonly client: grpc.Client; readonly call: T } {
    const [service = "", method = ""] = name.split("/");
    this.called.add(name);
    let client = this.#clients.get(service);
    if (!client) {
      const definition = this.#definition[service] as grpc.ServiceDefinition;
      const Service = grpc.makeClientConstructor(definition, service);
      client = new Service(this.#host, grpc.credentials.createInsecure());
      this.#clients.set(service, client);
    }
    return { client, call: Reflect.get(client, method) as T };
  }
}
