import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { startDaemon, waitForPort } from "../../../kerberos/test/support/processes.ts";
import type { TestCertificate } from "./certificate.ts";

export interface Slapd {
  readonly plain: string;
  readonly secure: string;
  readonly local: string;
  stop(): Promise<void>;
}

/** OpenLDAP's server with an empty database for dc=lab,dc=test; cn=admin,dc=lab,dc=test has the password `secret`. */
export async function startSlapd(certificate: TestCertificate): Promise<Slapd> {
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
  const [plainPort, securePort] = [await freePort(), await freePort()];
  const local = `ldapi://${encodeURIComponent(join(directory, "ldapi"))}`;
  const [plain, secure] = [`ldap://127.0.0.1:${plainPort}`, `ldaps://127.0.0.1:${securePort}`];
  const daemon = startDaemon("slapd", ["-f", configFile, "-h", `${plain} ${secure} ${local}`, "-d", "0"], {
    log: join(directory, "log"),
  });
  for (const port of [plainPort, securePort]) await waitForPort("127.0.0.1", port, daemon);
  return { plain, secure, local, stop: () => daemon.stop() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}
