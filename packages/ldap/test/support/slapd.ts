import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loopbackAddress, startDaemon, waitForPort } from "../../../kerberos/test/support/processes.ts";
import { makeCertificate, type TestCertificate } from "./certificate.ts";

export interface Slapd {
  readonly plain: string;
  readonly secure: string;
  readonly local: string;
  readonly certificate: TestCertificate;
  stop(): Promise<void>;
}

/** OpenLDAP's server with an empty database for dc=lab,dc=test; cn=admin,dc=lab,dc=test has the password `secret`. */
export async function startSlapd(): Promise<Slapd> {
  // Its usual ports, on an address of its own.
  const address = loopbackAddress();
  const certificate = makeCertificate(address);
  const directory = join(certificate.directory, "slapd");
  mkdirSync(join(directory, "db"), { recursive: true });
  const schemas = ["core", "cosine", "inetorgperson"].map(
    (name) => `include /etc/ldap/schema/${name}.schema`,
  );
  const config = [
    ...schemas,
    "modulepath /usr/lib/ldap",
    "moduleload back_mdb",
    "moduleload sssvlv",
    `TLSCACertificateFile ${certificate.certFile}`,
    `TLSCertificateFile ${certificate.certFile}`,
    `TLSCertificateKeyFile ${certificate.keyFile}`,
    "sizelimit 200",
    "database mdb",
    "suffix dc=lab,dc=test",
    "rootdn cn=admin,dc=lab,dc=test",
    "rootpw secret",
    `directory ${join(directory, "db")}`,
    "limits users size.soft=200 size.hard=200 size.prtotal=unlimited",
    "overlay sssvlv",
  ];
  const configFile = join(directory, "slapd.conf");
  writeFileSync(configFile, `${config.join("\n")}\n`);
  const local = `ldapi://${encodeURIComponent(join(directory, "ldapi"))}`;
  const [plain, secure] = [`ldap://${address}`, `ldaps://${address}`];
  const daemon = startDaemon("slapd", ["-f", configFile, "-h", `${plain} ${secure} ${local}`, "-d", "0"], {
    log: join(directory, "log"),
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    certificate.remove();
  };
  try {
    for (const port of [389, 636]) await waitForPort(address, port, daemon);
  } catch (error) {
    await stop();
    throw error;
  }
  return { plain, secure, local, certificate, stop };
}
