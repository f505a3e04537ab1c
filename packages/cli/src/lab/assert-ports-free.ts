import { once } from "node:events";
import { createServer } from "node:net";
import { systemCode, WaybillError } from "@waybill/base";
import type { LabDomainKind } from "./lab-domain.ts";
import { type LabLayout, labAddress, labHosts, labPorts } from "./layout.ts";

/** Samba's, which cannot be changed. */
const sambaPorts = [88, 389, 464];

/** Fails before anything is started, rather than in the log of a part. @throws WaybillError LISTEN_FAILED */
export async function assertPortsFree(layout: LabLayout, kind: LabDomainKind): Promise<void> {
  const { kdc, kpasswd, ldap, ldaps, wsman, migration } = labPorts;
  for (const port of kind === "samba" ? sambaPorts : [kdc, kpasswd, ldap, ldaps])
    await assertFree(labAddress(layout, "dc1"), port);
  for (const host of labHosts)
    for (const port of [wsman, migration]) await assertFree(labAddress(layout, host), port);
}

async function assertFree(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, "listening");
  } catch (cause) {
    throw new WaybillError(`the lab needs port ${port} of ${host}: ${systemCode(cause) ?? "it is taken"}`, {
      code: "LISTEN_FAILED",
      family: "environment",
      facts: { host, port },
      cause,
      remedy:
        `See what listens there: ss -ltnp 'sport = :${port}'. A program that takes the port on all addresses ` +
        "is in the way of every lab.",
    });
  } finally {
    server.close();
  }
}
