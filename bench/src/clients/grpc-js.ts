import { type ClientReadableStream, credentials } from "@grpc/grpc-js";
import { type GrpcJsItem, loadAguiService } from "../peers/grpc-js-contract.ts";
import { type ReadOrder, type ReadResult, readAll } from "./read.ts";

/** Reads with grpc-js and @grpc/proto-loader, as their documentation says. */
async function read(order: ReadOrder): Promise<ReadResult> {
  const AguiService = loadAguiService();
  const client = new AguiService(`127.0.0.1:${order.port}`, credentials.createInsecure());
  try {
    return await readAll(
      order,
      (input, tally) =>
        new Promise((resolve, reject) => {
          const call: ClientReadableStream<GrpcJsItem> = client.RunAgent?.({ input });
          call.on("data", ({ event }: GrpcJsItem) => {
            if (event) tally.count(event.textMessageContent?.delta);
          });
          call.on("error", reject);
          call.on("end", resolve);
        }),
    );
  } finally {
    client.close();
  }
}

export const commands = { read };
