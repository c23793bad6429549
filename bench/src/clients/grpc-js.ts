import { type ClientReadableStream, credentials } from "@grpc/grpc-js";
import { loadAguiService } from "../peers/grpc-js-contract.ts";
import { writePlan } from "../workload.ts";
import { type ReadOrder, type ReadResult, readAll } from "./read.ts";

interface Item {
  readonly event?: { readonly textMessageContent?: { readonly delta: string } };
}

/** Reads with grpc-js and @grpc/proto-loader, as their documentation says. */
async function read(order: ReadOrder): Promise<ReadResult> {
  const AguiService = loadAguiService();
  const client = new AguiService(`127.0.0.1:${order.port}`, credentials.createInsecure());
  try {
    return await readAll(
      order,
      (input) =>
        new Promise((resolve, reject) => {
          let events = 0;
          let characters = 0;
          const call: ClientReadableStream<Item> = client.RunAgent?.({ input });
          call.on("data", ({ event }: Item) => {
            if (event === undefined) return;
            events++;
            characters += event.textMessageContent?.delta.length ?? 0;
          });
          call.on("error", reject);
          call.on("end", () => resolve({ events, characters }));
        }),
      writePlan,
    );
  } finally {
    client.close();
  }
}

export const commands = { read };
