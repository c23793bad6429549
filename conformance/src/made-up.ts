const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A message with a fixed id if its own was made up: reasoning of older agents has none, and every reader makes one. */
export function withoutMadeUpId(message: object): object {
  const isMadeUp = "id" in message && typeof message.id === "string" && UUID.test(message.id);
  return isMadeUp ? { ...message, id: "made up" } : message;
}
