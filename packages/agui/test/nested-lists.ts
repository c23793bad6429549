/** The bytes of a google.protobuf.Value: so many lists in each other, the innermost of null. */
export function nestedLists(depth: number): number[] {
  const inside = [0x08, 0x00];
  const heads: number[][] = [];
  let length = inside.length;
  for (let count = 0; count < depth; count++) {
    const item = [0x0a, ...varint(length)];
    const list = [0x32, ...varint(item.length + length)];
    heads.push([...list, ...item]);
    length += list.length + item.length;
  }
  return [...heads.reverse().flat(), ...inside];
}

/** A number as protobuf writes lengths. */
export function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
