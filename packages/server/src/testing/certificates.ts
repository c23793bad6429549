import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Certificates for a test: an authority, a server and a client of it, and a client of another one. */
export interface Certificates {
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
  readonly stranger: Certificate;
}

/** Makes certificates with openssl. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "dragoman-certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const authority = (name: string) => {
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", `${name}.key`);
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      `${name}.key`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "3650",
      "-out",
      `${name}.crt`,
    );
  };
  const leaf = (name: string, alternativeName: string, issuer: string): Certificate => {
    writeFileSync(join(folder, "extensions"), `subjectAltName=${alternativeName}\n`);
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", `${name}.key`);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", `${issuer}.crt`, "-CAkey", `${issuer}.key`],
      ...["-CAcreateserial", "-days", "3650", "-extfile", "extensions", "-out", `${name}.crt`],
    );
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
  };
  try {
    authority("ca");
    authority("other");
    return {
      ca: read("ca.crt"),
      server: leaf("server", "DNS:localhost,IP:127.0.0.1", "ca"),
      client: leaf("client", "URI:spiffe://test/client", "ca"),
      stranger: leaf("stranger", "URI:spiffe://test/stranger", "other"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
