import { FIXED64, LENGTH, VARINT } from "./byte-reader.ts";

/**
 * How deep arrays and objects may nest in a value that AG-UI leaves open. A level of JSON costs up to three
 * levels of google.protobuf.Value, and protobuf runtimes of other languages stop at a hundred.
 */
export const MAX_VALUE_DEPTH = 30;

/** Tags of google.protobuf.Value. */
export const NULL_VALUE = 8 * 1 + VARINT;
export const NUMBER_VALUE = 8 * 2 + FIXED64;
export const STRING_VALUE = 8 * 3 + LENGTH;
export const BOOL_VALUE = 8 * 4 + VARINT;
export const STRUCT_VALUE = 8 * 5 + LENGTH;
export const LIST_VALUE = 8 * 6 + LENGTH;
/** The only field of Struct, which is its map, and of ListValue. */
export const ITEMS = 8 * 1 + LENGTH;
/** Tags of an entry of a Struct. */
export const KEY = 8 * 1 + LENGTH;
export const ENTRY_VALUE = 8 * 2 + LENGTH;

/** An object of which AG-UI says nothing more. */
export type OpenObject = { [key: string]: unknown };
