type Allocate = (length: number) => Uint8Array<ArrayBuffer>;

function allocateUncleared(): Allocate | undefined {
  const found = (globalThis as { Buffer?: { allocUnsafeSlow?: (length: number) => Uint8Array<ArrayBuffer> } })
    .Buffer;
  if (typeof found?.allocUnsafeSlow !== "function") return undefined;
  return (length) => new Uint8Array(found.allocUnsafeSlow!(length).buffer);
}

/**
 * Makes bytes that are about to be written. Where the platform can leave out clearing them, they hold anything:
 * clearing costs as much as a hundred short events.
 */
export const allocate: Allocate = allocateUncleared() ?? ((length) => new Uint8Array(length));
