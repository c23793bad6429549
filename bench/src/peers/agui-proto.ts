import { decode, encode } from "@ag-ui/proto";
import type { AguiEvent } from "@dragoman/agui";

/** AG-UI's own binary codec. */
export const aguiProto = {
  name: "@ag-ui/proto",
  /** Its types are those of `@ag-ui/core`, where `type` is an enum: the values are the same. */
  encode: (event: AguiEvent): Uint8Array => encode(event as Parameters<typeof encode>[0]),
  decode: (bytes: Uint8Array): unknown => decode(bytes),
};
