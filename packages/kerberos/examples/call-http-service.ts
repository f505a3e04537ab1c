/**
 * Logs in and calls an HTTP service with a Kerberos ticket: what a browser does with Negotiate.
 *
 *   echo "$PASSWORD" | npx tsx call-http-service.ts alice@LAB.TEST http://www.lab.test/
 */
import { text } from "node:stream/consumers";
import { configuredClient, createInitiator, loadKrb5Conf, parsePrincipal } from "@waybill/kerberos";

const [name = "", address = ""] = process.argv.slice(2);
const url = new URL(address);
const principal = parsePrincipal(name);
const password = (await text(process.stdin)).trim();

const client = configuredClient(loadKrb5Conf(process.env.KRB5_CONFIG));
const tgt = await client.login({ principal, password });
const server = parsePrincipal(`HTTP/${url.hostname}@${principal.realm}`);
const credential = await client.getTicket({ tgt, server });

const initiator = createInitiator({ credential });
const { token = new Uint8Array() } = initiator.step();
const response = await fetch(url, { headers: { authorization: `Negotiate ${toBase64(token)}` } });

// The service's answer proves that it is the one the ticket is for.
const answer = /^Negotiate (\S+)$/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
if (answer !== undefined) initiator.step(Buffer.from(answer, "base64"));
console.log(response.status, initiator.context === undefined ? "unproven service" : "proven service");
console.log(await response.text());

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
