/** Values that are too short are no secrets, and leaving them out would garble every message. */
const secretMinLength = 6;

/**
 * Makes a function that takes the values of headers out of messages: a host may repeat what it was sent. Parts of
 * values count too, such as the token after "Bearer".
 */
export function createRedact(headers: Readonly<Record<string, string>>): (message: string) => string {
  const secrets = Object.values(headers)
    .flatMap((value) => [value, ...value.split(/[\s,;=]+/)])
    .filter((part) => part.length >= secretMinLength)
    .toSorted((one, other) => other.length - one.length);
  return (message) => secrets.reduce((text, secret) => text.replaceAll(secret, "…"), message);
}
