import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** Makes a function in place of `dns.lookup` of one that gives all addresses that may be reached. */
export function createLookup(resolve: (host: string) => Promise<LookupAddress[]>): LookupFunction {
  return (host, options, callback) => {
    const { family: wanted, all } = options;
    const family = wanted === "IPv4" ? 4 : wanted === "IPv6" ? 6 : (wanted ?? 0);
    resolve(host).then(
      (addresses) => {
        const fitting = addresses.filter((address) => family === 0 || address.family === family);
        const first = fitting[0];
        if (first === undefined) callback(notFound(host), all === true ? [] : "");
        else if (all === true) callback(null, fitting);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, all === true ? [] : ""),
    );
  };
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address of the wanted family belongs to ${host}`), {
    code: "ENOTFOUND",
    syscall: "getaddrinfo",
    hostname: host,
  });
}
