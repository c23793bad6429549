import { isIP } from "node:net";

/** Which hosts and origins a server answers. */
export interface OriginPolicy {
  /** Whether the server listens on a loopback address, so that only this machine should reach it. */
  readonly loopback: boolean;
  /** Host names (without port) that are ours besides loopback; `*` for all. */
  readonly allowedHosts: readonly string[];
  /** Origins such as `https://app.example` whose pages may call; `*` for all. Empty: no CORS. */
  readonly allowedOrigins: readonly string[];
}

/** What is wrong with where a request comes from. */
export type OriginProblem = { readonly header: "host" | "origin" | "sec-fetch-site"; readonly value: string };

/** Splits a Host header or `:authority` into name and port; undefined if it is not one. */
export function parseAuthority(authority: string | undefined): { name: string; port: string } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::(\d{1,5}))?$/.exec(authority ?? "");
  return match ? { name: match[1]!.toLowerCase(), port: match[2] ?? "" } : undefined;
}

/** Whether a host name always means this machine. */
export function isLoopbackName(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isIP(bare) === 4) {
    return bare.startsWith("127.");
  }
  if (isIP(bare) === 6) {
    return bare === "::1" || /^::ffff:127\./.test(bare);
  }
  return bare === "localhost" || bare.endsWith(".localhost");
}

/**
 * Tells whether a request may come from where it says it comes from.
 *
 * Without authentication, what a browser sends is the only thing that separates the user from a web
 * page that the user happens to have open: `Host` shows a page whose name was rebound to this machine,
 * `Origin` and `Sec-Fetch-Site` a page of somebody else. Programs send neither and pass.
 */
export function originProblem(
  policy: OriginPolicy,
  authority: { name: string; port: string },
  header: (name: string) => string | undefined,
): OriginProblem | undefined {
  const { allowedHosts, allowedOrigins } = policy;
  const known = isLoopbackName(authority.name) || includes(allowedHosts, authority.name);
  if (!known && (policy.loopback || allowedHosts.length > 0)) {
    return { header: "host", value: authority.name };
  }
  const origin = header("origin");
  if (origin !== undefined) {
    // A name that anybody can point here does not make a page ours; a known name or a plain address does.
    const trusted = known || isIP(authority.name.replace(/^\[|\]$/g, "")) !== 0;
    const own = trusted && isSameOrigin(origin, authority);
    return own || isAllowedOrigin(policy, origin) ? undefined : { header: "origin", value: origin };
  }
  const site = header("sec-fetch-site");
  const foreign = site === "cross-site" || site === "same-site";
  if (foreign && header("sec-fetch-mode") !== "navigate" && !allowedOrigins.includes("*")) {
    return { header: "sec-fetch-site", value: site };
  }
  return undefined;
}

/** Whether pages of an origin were allowed by configuration. */
export function isAllowedOrigin(policy: OriginPolicy, origin: string): boolean {
  return includes(policy.allowedOrigins, origin.toLowerCase());
}

function isSameOrigin(origin: string, authority: { name: string; port: string }): boolean {
  const match = /^https?:\/\/(.*)$/i.exec(origin);
  const parsed = parseAuthority(match?.[1]);
  return parsed !== undefined && parsed.name === authority.name && parsed.port === authority.port;
}

function includes(list: readonly string[], value: string): boolean {
  return list.some((entry) => entry === "*" || entry.toLowerCase() === value);
}
