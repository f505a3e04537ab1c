import { readFileSync } from "node:fs";
import { parseKeytab } from "@waybill/kerberos";
import { HeimdalRealm } from "../../kerberos/test/support/heimdal-realm.ts";
import { MitRealm } from "../../kerberos/test/support/mit-realm.ts";
import { AccountFlags, sambaComputer, sambaUser } from "../../kerberos/test/support/samba-accounts.ts";
import { SambaDomain } from "../../kerberos/test/support/samba-domain.ts";
import type { LoadTarget } from "./load.ts";

/** A KDC to be measured; `stop` ends it. */
export interface Contender extends LoadTarget {
  stop(): Promise<void>;
}

export const benchRealm = "LAB.TEST";
export const middleTier = "WEB$";
export const benchService = "HTTP/web.lab.test";
export const benchProxyTarget = "cifs/file.lab.test";
export const benchUsers: readonly string[] = Array.from({ length: 50 }, (_, index) => `user${index}`);

const services = [middleTier, benchService, benchProxyTarget];

/** MIT's krb5kdc without its audit writes: the fastest it can be. Only over OpenLDAP does it know S4U2Proxy. */
export async function startMit(database: "db2" | "ldap"): Promise<Contender> {
  const realm = await MitRealm.start({
    realm: benchRealm,
    ldap: database === "ldap",
    principals: [...benchUsers, ...services].map((name) => ({
      name,
      attributes: "+requires_preauth +ok_to_auth_as_delegate",
      enctypes: "aes256-cts",
    })),
  });
  await realm.allowDelegation(middleTier, [benchProxyTarget]);
  return await contender(realm, [...benchUsers]);
}

export async function startHeimdal(): Promise<Contender> {
  const realm = await HeimdalRealm.start({
    realm: benchRealm,
    principals: [
      ...benchUsers.map((name) => ({ name, attributes: "requires-pre-auth" })),
      {
        name: middleTier,
        attributes: "trusted-for-delegation",
        delegateTo: [`${benchProxyTarget}@${benchRealm}`],
      },
      { name: benchService },
      { name: benchProxyTarget },
    ],
  });
  return await contender(realm, ["user*"]);
}

/** Samba AD in one process. */
export async function startSamba(): Promise<Contender> {
  const domain = benchRealm.toLowerCase();
  const flags = AccountFlags.trustedToAuthForDelegation;
  const samba = await SambaDomain.start({
    realm: benchRealm,
    services: "ldap, kdc",
    seed: [
      ...benchUsers.flatMap((name) => sambaUser(domain, { name })),
      ...sambaComputer(domain, { name: "WEB", services: ["HTTP"], flags, delegateTo: [benchProxyTarget] }),
      ...sambaComputer(domain, { name: "FILE", services: ["cifs"] }),
    ],
  });
  return await contender(samba, [...benchUsers]);
}

async function contender(
  server: {
    readonly address: string;
    readonly pids: number[];
    exportKeytab(...principals: readonly string[]): Promise<string>;
    stop(): Promise<void>;
  },
  users: readonly string[],
): Promise<Contender> {
  const keytab = async (...names: readonly string[]): Promise<ReturnType<typeof parseKeytab>> =>
    parseKeytab(readFileSync(await server.exportKeytab(...names)));
  return {
    realm: benchRealm,
    host: server.address,
    port: 88,
    pids: server.pids,
    users: await keytab(...users),
    services: await keytab(middleTier),
    middle: middleTier,
    service: benchService,
    proxyTarget: benchProxyTarget,
    stop: async () => await server.stop(),
  };
}
