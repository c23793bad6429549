import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files of an authority and of what it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  /** A client certificate that another authority signed. */
  readonly stranger: { readonly cert: string; readonly key: string };
}

/** Makes certificates for 127.0.0.1 in a folder, with the openssl of the machine. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) =>
    void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  writeFileSync(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const authority = (name: string) => {
    const out = ["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)];
    openssl("req", "-x509", ...newKey, "-days", "2", ...out, "-subj", `/CN=${name}`);
  };
  const signed = (name: string, by: string) => {
    const cert = file(`${name}.crt`);
    const key = file(`${name}.key`);
    openssl("req", ...newKey, "-keyout", key, "-out", file(`${name}.csr`), "-subj", `/CN=${name}`);
    const signer = ["-CA", file(`${by}.crt`), "-CAkey", file(`${by}.key`), "-CAcreateserial"];
    openssl(
      "x509",
      "-req",
      "-in",
      file(`${name}.csr`),
      ...signer,
      "-days",
      "2",
      "-out",
      cert,
      "-extfile",
      file("names"),
    );
    return { cert, key };
  };
  authority("ca");
  authority("other");
  return {
    ca: file("ca.crt"),
    server: signed("server", "ca"),
    client: signed("client", "ca"),
    stranger: signed("stranger", "other"),
  };
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
