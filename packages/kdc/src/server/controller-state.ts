import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "@waybill/base";
import { type Account, EmbeddedDirectory, type NewDomain, type WritableDirectory } from "@waybill/directory";
import { makeServerCertificate, type ServerCertificate } from "./certificate.ts";

/** Where things lie in a domain controller's state directory. */
export interface ControllerPaths {
  /** The LMDB store. */
  readonly directory: string;
  readonly tls: string;
  /** Unix socket of the LDAP server: whoever may open it needs no TLS. */
  readonly ldapi: string;
}

export function controllerPaths(state: string): ControllerPaths {
  return { directory: join(state, "directory"), tls: join(state, "tls"), ldapi: join(state, "ldapi") };
}

export interface NewController extends NewDomain {
  /** NetBIOS name of the domain controller. Default: DC1. */
  readonly controller?: string | undefined;
}

const serverTrustAccount = 0x2000;
const trustedForDelegation = 0x80000;
const domainControllers = 516;

/** Fills a new state directory: a domain, and the account of its one controller. @throws DirectoryError ALREADY_EXISTS */
export function createControllerState(
  state: string,
  domain: NewController,
  clock: Clock = systemClock,
): EmbeddedDirectory {
  const directory = EmbeddedDirectory.create(controllerPaths(state).directory, domain, { clock });
  addController(directory, domain.controller ?? "DC1");
  return directory;
}

/** The controller's own account, with the names its LDAP service is known by. */
export function addController(directory: WritableDirectory, name: string): Account {
  const { domain } = directory;
  const dnsHostName = `${name.toLowerCase()}.${domain.dnsName}`;
  return directory.createComputer({
    name,
    dnsHostName,
    container: `OU=Domain Controllers,${domain.dn}`,
    spns: [
      ...["HOST", "RestrictedKrbHost", "ldap", "GC"].flatMap((service) => [
        `${service}/${name}`,
        `${service}/${dnsHostName}`,
      ]),
      `ldap/${dnsHostName}/${domain.dnsName}`,
      `HOST/${dnsHostName}/${domain.dnsName}`,
      `GC/${dnsHostName}/${domain.dnsName}`,
    ],
    attributes: {
      userAccountControl: String(serverTrustAccount | trustedForDelegation),
      primaryGroupID: String(domainControllers),
      isCriticalSystemObject: "TRUE",
    },
  });
}

/** The account of this domain's controller. */
export function controllerAccount(directory: WritableDirectory): Account {
  for (const account of directory.accounts()) {
    if ((account.userAccountControl & serverTrustAccount) !== 0) return account;
  }
  return addController(directory, "DC1");
}

/** The certificate in the state directory, made on first use. */
export function controllerCertificate(
  tls: string,
  names: readonly string[],
  clock: Clock,
): ServerCertificate {
  const paths = { key: join(tls, "key.pem"), cert: join(tls, "cert.pem"), ca: join(tls, "ca.pem") };
  if (!existsSync(paths.key)) {
    mkdirSync(tls, { recursive: true, mode: 0o700 });
    const made = makeServerCertificate({ names, now: clock.now() });
    writeFileSync(paths.ca, made.ca, { mode: 0o644 });
    writeFileSync(paths.cert, made.cert, { mode: 0o644 });
    // Last: the certificate is complete once its key is there.
    writeFileSync(paths.key, made.key, { mode: 0o600 });
  }
  const read = (path: string): string => readFileSync(path, "utf8");
  return { key: read(paths.key), cert: read(paths.cert), ca: read(paths.ca) };
}
