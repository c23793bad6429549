/** Makes the identity of a new log: 24 lower-case hexadecimal digits, 96 random bits. */
export function createLogId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
