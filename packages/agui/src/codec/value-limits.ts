/**
 * How deep arrays and objects may nest in a value that AG-UI leaves open. A level of JSON costs up to three
 * levels of google.protobuf.Value, and protobuf runtimes of other languages stop at a hundred.
 */
export const MAX_VALUE_DEPTH = 30;

/** An object of which AG-UI says nothing more. */
export type OpenObject = { [key: string]: unknown };
