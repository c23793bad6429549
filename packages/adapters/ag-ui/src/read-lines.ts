const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Cuts bytes into lines that end in LF or CRLF. One per body. */
export interface LineReader {
  /** The lines that this piece completes, without their ends. */
  push(chunk: Uint8Array): Iterable<Uint8Array>;
  /** The last line, if the body ended without a line end. */
  finish(): Uint8Array | undefined;
}

/** Makes a line reader that holds at most `maxBytes` of an incomplete line and calls `onTooLong` beyond them. */
export function createLineReader(maxBytes: number, onTooLong: () => never): LineReader {
  // Pieces, because joining them at every chunk would take quadratic time for a long line.
  let pieces: Uint8Array[] = [];
  let pendingBytes = 0;

  function complete(end: Uint8Array): Uint8Array {
    const line = pieces.length > 0 ? Buffer.concat([...pieces, end]) : end;
    pieces = [];
    pendingBytes = 0;
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }

  function* push(chunk: Uint8Array): Generator<Uint8Array, void> {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      yield complete(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    pieces.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > maxBytes) onTooLong();
  }

  return { push, finish: () => (pendingBytes > 0 ? complete(new Uint8Array(0)) : undefined) };
}
