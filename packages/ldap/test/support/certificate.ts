import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly directory: string;
  remove(): void;
}

/** A self-signed certificate for localhost and an address, by openssl. */
export function makeCertificate(address = "127.0.0.1"): TestCertificate {
  const directory = mkdtempSync(join(tmpdir(), "waybill-ldap-"));
  const certFile = join(directory, "cert.pem");
  const keyFile = join(directory, "key.pem");
  const names = `subjectAltName=DNS:localhost,DNS:dc1.lab.test,IP:${address}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const request = [
    "req",
    "-x509",
    ...key,
    "-out",
    certFile,
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    names,
  ];
  execFileSync("openssl", request, { stdio: "pipe" });
  return {
    cert: readFileSync(certFile, "utf8"),
    key: readFileSync(keyFile, "utf8"),
    certFile,
    keyFile,
    directory,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
