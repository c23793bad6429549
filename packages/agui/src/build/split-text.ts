/**
 * Cuts text into pieces of at most `size` UTF-16 code units, never between the halves of a surrogate pair, so
 * a piece may be one unit longer. Without a size, the whole text is one piece; of no text there is none.
 */
export function* splitText(text: string, size = Number.POSITIVE_INFINITY): Generator<string> {
  const step = Math.max(1, size);
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + step, text.length);
    if (
      end < text.length &&
      isHighSurrogate(text.charCodeAt(end - 1)) &&
      isLowSurrogate(text.charCodeAt(end))
    ) {
      end += 1;
    }
    yield text.slice(start, end);
    start = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
