import { invalidPageToken } from "@dragoman/engine";

/** The token of a page of items that begins with an index. Items are in their order: the index is the place. */
export function itemToken(index: number): string {
  return `item.${index}`;
}

/** The index that a page begins with. Throws INVALID_PAGE_TOKEN. */
export function readItemToken(token: string): number {
  if (token === "") return 0;
  const index = /^item\.([1-9]\d{0,8})$/.exec(token)?.[1];
  if (index === undefined) throw invalidPageToken();
  return Number(index);
}
