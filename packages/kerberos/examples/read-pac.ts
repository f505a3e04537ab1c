/**
 * Who is this person to the domain? A service asks for a ticket to itself in the person's name and reads the PAC in it:
 * account, SIDs of all groups, how the domain vouches for the person.
 *
 *   npx tsx read-pac.ts www.keytab 'WWW$@LAB.TEST' alice@LAB.TEST
 */
import {
  allSids,
  configuredClient,
  loadKrb5Conf,
  parsePrincipal,
  readKeytab,
  readTicket,
  userSid,
  wellKnownSids,
} from "@waybill/kerberos";

const [keytabFile = "", service = "", person = ""] = process.argv.slice(2);
const keytab = await readKeytab(keytabFile);
const client = configuredClient(loadKrb5Conf(process.env.KRB5_CONFIG));
const tgt = await client.login({ principal: parsePrincipal(service), keytab });
const { ticket } = await client.s4u2self({ tgt, user: parsePrincipal(person) });

const { pac } = readTicket(ticket, keytab);
const info = pac?.logonInfo;
if (info === undefined) throw new Error("the domain put no PAC into the ticket");
const sids = allSids(info).map(({ sid }) => sid);
console.log("account", info.effectiveName, userSid(info));
console.log("upn", pac?.upnDnsInfo?.upn);
console.log("groups", sids.join(" "));
console.log(
  sids.includes(wellKnownSids.serviceAssertedIdentity)
    ? "asserted by this service"
    : "proved to the domain by the person",
);
