/**
 * A web server that greets people by the name in their Kerberos ticket. Try it with a browser or
 * `curl --negotiate -u : http://www.lab.test:8080/`.
 *
 *   npx tsx accept-negotiate.ts www.keytab 8080
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAcceptor, FileReplayCache, formatPrincipal, GssError, readKeytab } from "@waybill/kerberos";

const [keytabFile = "", port = "8080"] = process.argv.slice(2);
const keytab = await readKeytab(keytabFile);
// All processes of the service share it, and it outlives them: a ticket's use cannot be repeated.
const replayCache = new FileReplayCache({ directory: join(tmpdir(), `www-replay-${process.getuid?.()}`) });

const server = createServer((request, response) => {
  const token = /^Negotiate (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) {
    response.writeHead(401, { "www-authenticate": "Negotiate" }).end("Who are you?\n");
    return;
  }
  try {
    const step = createAcceptor({ keytab, replayCache }).step(Buffer.from(token, "base64"));
    if (step.context === undefined) throw new GssError("GSS_DEFECTIVE_TOKEN", "one token was not enough");
    const { peer, pac } = step.context;
    const groups = pac?.logonInfo?.groups.length ?? 0;
    response
      .writeHead(200, { "www-authenticate": negotiate(step.token) })
      .end(`Hello ${formatPrincipal(peer)}, member of ${groups} groups.\n`);
  } catch (error) {
    if (!(error instanceof GssError)) throw error;
    console.error(error.code, error.message);
    response.writeHead(401, { "www-authenticate": negotiate(error.token) }).end(`${error.code}\n`);
  }
});
server.listen(Number(port), () => console.log(`listening on port ${(server.address() as AddressInfo).port}`));

function negotiate(token: Uint8Array | undefined): string {
  return token === undefined ? "Negotiate" : `Negotiate ${Buffer.from(token).toString("base64")}`;
}
