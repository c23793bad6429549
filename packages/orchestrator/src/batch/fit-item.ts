import type { ItemInfo } from "./entries.ts";

/** No code unit takes more bytes as JSON: control characters and lone surrogates take as many. */
const unitMaxBytes = 6;
/** Bytes of a content as JSON. An entry of the catalog has 4 MiB, and there is more in it. */
const contentMaxBytes = 3 * 1024 * 1024;
const messageMax = 16 * 1024;
const codeMax = 256;

/** An item as it can be kept: agents may say more than an entry holds. The log of its run has all of it. */
export function fitItem(item: ItemInfo): ItemInfo {
  const { content = "", run } = item;
  const short = fittingContent(content);
  return {
    ...fittingError(item),
    ...(run && { run: fittingError(run) }),
    ...(short.length < content.length && { content: short, isContentCut: true }),
  };
}

function fittingContent(content: string): string {
  const mayBeLarge = content.length * unitMaxBytes > contentMaxBytes;
  if (!mayBeLarge || Buffer.byteLength(JSON.stringify(content)) <= contentMaxBytes) return content;
  return cut(content, contentMaxBytes / unitMaxBytes);
}

function fittingError<T extends Pick<ItemInfo, "errorCode" | "errorMessage">>(failed: T): T {
  const { errorCode = "", errorMessage = "" } = failed;
  return {
    ...failed,
    ...(errorCode.length > codeMax && { errorCode: cut(errorCode, codeMax) }),
    ...(errorMessage.length > messageMax && { errorMessage: `${cut(errorMessage, messageMax)}…` }),
  };
}

/** Cuts a text, not through the middle of a character. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
