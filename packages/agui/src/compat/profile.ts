/** The dialects of AG-UI that peers speak: before 1.0, and 1.0 with all that follows it. */
export type PeerProfile = "0.x" | "1.0";

/** Receives, in words, what a conversion had to drop or to invent. */
export type ConversionWarning = (message: string) => void;

/**
 * The profile of a peer by the `protocolVersion` it declares. None means 0.x, because peers before 1.0 know no
 * such field. Versions of packages, such as "0.0.57", count too; what is not a version is taken for one of the
 * future.
 */
export function profileOf(protocolVersion: string | undefined): PeerProfile {
  return protocolVersion === undefined || /^0(\.\d+){1,2}$/.test(protocolVersion) ? "0.x" : "1.0";
}
