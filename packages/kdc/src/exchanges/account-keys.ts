import { type Account, type AccountKey, type KeySet, keyOfType } from "@waybill/directory";
import { clientEncTypes, effectiveEncTypes, type Subject, serviceEncTypes } from "../policy/index.ts";
import type { KdcContext } from "./kdc-context.ts";
import { granted, KdcRefusal } from "./refusal.ts";

/** A long-term key with its version. */
export interface VersionedKey {
  readonly key: AccountKey;
  readonly kvno: number;
}

/** Whoever has long-term keys: an account, a trust. */
export interface KeyHolder {
  readonly keySets: readonly KeySet[];
}

/** The key a ticket to a service is encrypted in, and the type of the session key inside. */
export interface ServiceKeys extends VersionedKey {
  readonly sessionEncType: number;
}

/** @throws KdcRefusal KDC_ERR_ETYPE_NOSUPP */
export function serviceKeys(
  context: KdcContext,
  service: Account,
  requested: readonly number[],
): ServiceKeys {
  const chosen = granted(serviceEncTypes(service, context.directory.domain, requested, context.profile));
  const set = service.keySets[0];
  const key = set === undefined ? undefined : keyOfType(set, chosen.ticket);
  if (set === undefined || key === undefined) throw noKey(service);
  return { key, kvno: set.kvno, sessionEncType: chosen.session };
}

/** The client's keys that it may be answered with, strongest first. @throws KdcRefusal KDC_ERR_ETYPE_NOSUPP */
export function clientKeys(
  context: KdcContext,
  client: Subject,
  requested: readonly number[],
): readonly AccountKey[] {
  const { etypes } = granted(clientEncTypes(client, context.directory.domain, requested, context.profile));
  return client.account.keySets[0]?.keys.filter((key) => etypes.includes(key.keytype)) ?? [];
}

/** krbtgt's current, strongest key: encrypts TGTs and signs PACs. */
export function krbtgtKey(context: KdcContext): VersionedKey {
  const { krbtgt } = context.directory;
  const set = krbtgt.keySets[0];
  const key = set?.keys[0];
  if (set === undefined || key === undefined) throw noKey(krbtgt);
  return { key, kvno: set.kvno };
}

/** The bits of msDS-SupportedEncryptionTypes that hold for tickets to this service, for PA-SUPPORTED-ENCTYPES. */
export function advertisedBits(context: KdcContext, service: Account): number {
  const bits = effectiveEncTypes(service, context.directory.domain, context.profile);
  return service === context.directory.krbtgt ? bits | fastSupported : bits;
}

const fastSupported = 0x10000;

/** The key of one type that a ticket names. A kvno of zero or none means "unknown". */
export function findKey(
  holder: KeyHolder,
  etype: number,
  kvno: number | undefined,
): VersionedKey | undefined {
  for (const set of keySetsFor(holder, kvno)) {
    const key = keyOfType(set, etype);
    if (key !== undefined) return { key, kvno: set.kvno };
  }
  return undefined;
}

function keySetsFor({ keySets }: KeyHolder, kvno: number | undefined): readonly KeySet[] {
  return kvno === undefined || kvno === 0 ? keySets : keySets.filter((set) => set.kvno === kvno);
}

function noKey(account: Account): KdcRefusal {
  return new KdcRefusal("KDC_ERR_ETYPE_NOSUPP", `${account.samAccountName} has no key`, { reason: "no-key" });
}
