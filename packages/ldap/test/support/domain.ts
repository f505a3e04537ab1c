import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Credential, parsePrincipal } from "@waybill/kerberos";
import { sambaComputer, sambaUser } from "../../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain } from "../../../kerberos/test/support/samba-domain.ts";
import { type KerberosBindOptions, kerberosBind, LdapClient } from "../../src/index.ts";
import { runProgram } from "./run-program.ts";

const realm = "LAB.TEST";

/** A Samba domain with the account LDAP01 for a server of ours on 127.0.0.1, users alice and mallory, and computers. */
export async function startDomain(): Promise<SambaDomain> {
  return await SambaDomain.start({
    seed: [
      ...sambaUser("lab.test", { name: "alice" }),
      ...sambaUser("lab.test", { name: "mallory" }),
      ...sambaComputer("lab.test", {
        name: "LDAP01",
        attributes: { servicePrincipalName: ["ldap/127.0.0.1", "ldap/localhost", "ldap/ldap01.lab.test"] },
      }),
      ...sambaComputer("lab.test", { name: "KVM01" }),
      ...sambaComputer("lab.test", { name: "KVM02" }),
    ],
  });
}

export function principal(name: string): ReturnType<typeof parsePrincipal> {
  return parsePrincipal(name, { defaultRealm: realm });
}

/** A connection to a controller of the domain over LDAPS, as its administrator. @param address another controller's */
export async function asAdministrator(domain: SambaDomain, address = domain.address): Promise<LdapClient> {
  const client = await LdapClient.connect({
    url: `ldaps://${address}`,
    // All controllers show the first one's certificate.
    tls: { ca: readFileSync(domain.caFile, "utf8"), serverName: `dc1.${domain.domain}` },
  });
  await client.bindSimple(`Administrator@${domain.domain}`, domain.administratorPassword);
  return client;
}

/** Logs in with our own Kerberos client and says how to bind as that user. */
export async function kerberosLogin(
  domain: SambaDomain,
  user: string,
  password: string,
): Promise<(mechanism: "GSS-SPNEGO" | "GSSAPI") => ReturnType<typeof kerberosBind>> {
  const client = domain.newClient();
  const tgt = await client.login({ principal: principal(user), password });
  const getTicket: KerberosBindOptions["getTicket"] = ([service, host], signal): Promise<Credential> =>
    client.getTicket({ tgt, server: principal(`${service}/${host}`) }, { signal });
  return (mechanism) => kerberosBind({ mechanism, getTicket });
}

/** The environment in which MIT's tools and OpenLDAP's act as `user`. */
export async function kinit(
  domain: SambaDomain,
  user: string,
  password: string,
): Promise<Record<string, string>> {
  const env = {
    KRB5_CONFIG: domain.krb5Conf,
    KRB5CCNAME: join(domain.directory, `cc-${user}`),
    LDAPCONF: "/dev/null",
  };
  const passwordFile = join(domain.directory, `password-${user}`);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const { status, stderr } = await runProgram("kinit", [user], { env, input: `${password}\n` });
  if (status !== 0) throw new Error(`kinit failed: ${stderr}`);
  return env;
}
