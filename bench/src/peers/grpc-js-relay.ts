import { once } from "node:events";
import {
  type ClientReadableStream,
  credentials,
  Server,
  ServerCredentials,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { loadAguiService } from "./grpc-js-contract.ts";

/** A server between agent and client as grpc-js makes it easy: every message is read and written again. */
export const commands = {
  async listen({ upstream }: { upstream: number }): Promise<{ http2: number }> {
    const AguiService = loadAguiService();
    const agent = new AguiService(`127.0.0.1:${upstream}`, credentials.createInsecure());
    const runAgent = (call: ServerWritableStream<object, object>) => {
      const source: ClientReadableStream<object> = agent.RunAgent?.(call.request);
      call.on("cancelled", () => source.cancel());
      source.on("error", (error) => call.destroy(error));
      source.on("end", () => call.end());
      source.on("data", async (item: object) => {
        if (call.write(item)) return;
        source.pause();
        await once(call, "drain");
        source.resume();
      });
    };
    const server = new Server();
    server.addService(AguiService.service, { runAgent });
    const http2 = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return { http2 };
  },
};
