import type { HttpToolSettings } from "./settings.ts";

/** Headers that say how to talk, not who is talking. */
const openHeaders = new Set(["accept", "accept-language", "content-language", "content-type", "user-agent"]);
/** Anything shorter is no secret, and taking it out would make other words unreadable. */
const shortestSecret = 4;
/** The same for the parameters of a URL, few of which are secrets. */
const shortestParameter = 8;

/** Makes a function that takes out of a text what the tool was registered with and nobody else is to see. */
export function createRedact({ url, headers = {} }: HttpToolSettings): (text: string) => string {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    openHeaders.has(name.toLowerCase()) ? [] : [value, value.replace(/^\S+\s+/, "")],
  );
  const parameters = [...new URL(url).searchParams.values()];
  const secrets = [
    ...values.filter(({ length }) => length >= shortestSecret),
    ...parameters.filter(({ length }) => length >= shortestParameter),
  ];
  const forms = secrets.flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
  ]);
  // The longest first: a part of a secret that is taken out would leave the rest.
  const longestFirst = [...new Set(forms)].toSorted((one, other) => other.length - one.length);
  return (text) => longestFirst.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}
