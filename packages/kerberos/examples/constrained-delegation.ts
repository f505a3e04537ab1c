/**
 * A service acts for a person who is not there: S4U2Self gives it a ticket in the person's name, S4U2Proxy turns it into
 * one for another service. What the directory must allow is in the error when it does not.
 *
 *   npx tsx constrained-delegation.ts kvm01.keytab 'KVM01$@LAB.TEST' alice@LAB.TEST cifs/kvm02.lab.test@LAB.TEST
 */
import {
  configuredClient,
  formatPrincipal,
  isForwardable,
  KerberosError,
  loadKrb5Conf,
  parsePrincipal,
  readKeytab,
} from "@waybill/kerberos";

const [keytabFile = "", service = "", person = "", other = ""] = process.argv.slice(2);
const client = configuredClient(loadKrb5Conf(process.env.KRB5_CONFIG));

try {
  const tgt = await client.login({
    principal: parsePrincipal(service),
    keytab: await readKeytab(keytabFile),
  });
  const evidence = await client.s4u2self({ tgt, user: parsePrincipal(person) });
  console.log("evidence:", isForwardable(evidence) ? "forwardable" : "not forwardable");
  const ticket = await client.s4u2proxy({ tgt, evidence, target: parsePrincipal(other) });
  console.log("ticket:", formatPrincipal(ticket.client), "to", formatPrincipal(ticket.server));
} catch (error) {
  if (!(error instanceof KerberosError)) throw error;
  console.log("refused:", error.code);
  for (const { cause, remedy } of error.explanation?.causes ?? []) console.log(`- ${cause}\n  ${remedy}`);
  process.exitCode = 1;
}
