import type { HeaderFields } from "./exchange.ts";

/** Headers that belong to one HTTP/1.1 connection and that HTTP/2 forbids. */
const hopByHop = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/** Returns web headers as Node takes them. Several cookies stay several. */
export function headerFields(headers: Headers | undefined): HeaderFields {
  const fields: Record<string, string | string[]> = {};
  headers?.forEach((value, name) => {
    if (name === "set-cookie") {
      fields[name] = headers.getSetCookie();
    } else if (!hopByHop.has(name)) {
      fields[name] = value;
    }
  });
  return fields;
}
