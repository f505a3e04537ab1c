import { utf8 } from "@waybill/base";
import type { CacheContents, CachedCredential, Keytab } from "../../src/files/index.ts";
import { parsePrincipal } from "../../src/principal.ts";

export const epoch = Date.UTC(2026, 10, 1, 9, 0, 0);
const filled = (length: number, octet: number) => new Uint8Array(length).fill(octet);

export const alice = parsePrincipal("alice@LAB.TEST");
export const host = parsePrincipal("host/kvm01.lab.test@LAB.TEST");
export const migration = parsePrincipal("Microsoft Virtual System Migration Service/kvm02@LAB.TEST");

export const sampleKeytab: Keytab = {
  entries: [
    { principal: host, kvno: 3, key: { keytype: 18, keyvalue: filled(32, 1) }, timestamp: epoch },
    { principal: host, kvno: 3, key: { keytype: 17, keyvalue: filled(16, 2) }, timestamp: epoch },
    { principal: host, kvno: 300, key: { keytype: 18, keyvalue: filled(32, 3) }, timestamp: epoch },
    { principal: migration, kvno: 3, key: { keytype: 23, keyvalue: filled(16, 4) }, timestamp: epoch },
  ],
};

export function sampleCredential(server = host, keytype = 18): CachedCredential {
  return {
    client: alice,
    server,
    key: { keytype, keyvalue: filled(keytype === 18 ? 32 : 16, 5) },
    authTime: epoch,
    startTime: epoch + 1000,
    endTime: epoch + 36_000_000,
    renewTill: epoch + 604_800_000,
    isSessionKey: false,
    flags: 0x40e1_0000,
    addresses: [{ type: 2, data: Uint8Array.of(192, 0, 2, 1) }],
    authorizationData: [{ type: 1, data: utf8("restriction") }],
    ticket: utf8("not really a ticket"),
    secondTicket: new Uint8Array(0),
  };
}

export const sampleCache: CacheContents = {
  principal: alice,
  credentials: [sampleCredential(parsePrincipal("krbtgt/LAB.TEST@LAB.TEST")), sampleCredential()],
  config: [
    { name: "fast_avail", about: "krbtgt/LAB.TEST@LAB.TEST", value: utf8("yes") },
    { name: "start_realm", value: utf8("LAB.TEST") },
  ],
  kdcOffset: -1500,
};
