import { Asn1Error } from "@waybill/asn1";
import { fromUtf8 } from "@waybill/base";
import { findEncType, formatEncType, principalSalt, stringToKey } from "../crypto/index.ts";
import { KerberosError } from "../errors.ts";
import type { EncryptionKey, PaData } from "../messages/basic.ts";
import { EtypeInfo, EtypeInfo2 } from "../messages/preauth.ts";
import { type Principal, samePrincipal } from "../principal.ts";
import { PaType } from "../registry/pa-type.ts";
import { shown } from "./shown.ts";

/** A keytab as far as logging in needs it. */
export interface KeyTable {
  readonly entries: readonly {
    readonly principal: Principal;
    readonly kvno: number;
    readonly key: EncryptionKey;
  }[];
}

/** How a client proves who it is: one of the three. */
export interface LoginSecret {
  readonly password?: string | undefined;
  readonly keys?: readonly EncryptionKey[] | undefined;
  readonly keytab?: KeyTable | undefined;
}

/** One encryption type the KDC has a key of the client for, and how a password becomes that key. */
export interface KeyHint {
  readonly etype: number;
  readonly salt?: string | Uint8Array | undefined;
  readonly params?: Uint8Array | undefined;
}

/** The long-term keys of a client, from whatever it has. */
export class ClientKeys {
  readonly #password: string | undefined;
  readonly #keys: readonly EncryptionKey[];
  readonly #principal: Principal;
  #last: { readonly id: string; readonly key: EncryptionKey } | undefined;

  /** @throws KerberosError NO_USABLE_KEY when there is no secret, or the keytab has no key of the principal */
  constructor(principal: Principal, secret: LoginSecret) {
    this.#principal = principal;
    this.#password = secret.password;
    this.#keys = secret.keys ?? (secret.keytab ? newestKeys(principal, secret.keytab) : []);
    if (this.#password === undefined && this.#keys.length === 0) {
      throw new KerberosError(`there is no key to log in as ${shown(principal)}`, {
        code: "NO_USABLE_KEY",
        family: "caller",
        facts: { principal: shown(principal) },
        remedy: secret.keytab
          ? "Check the name and its spelling against the keytab (waybill keytab list)."
          : "Give a password, a keytab or keys.",
      });
    }
  }

  /** The types to ask for: those there are keys of first. */
  order(etypes: readonly number[]): readonly number[] {
    if (this.#password !== undefined) return etypes;
    const held = (etype: number): boolean => this.#keys.some((key) => key.keytype === etype);
    return [...etypes.filter(held), ...etypes.filter((etype) => !held(etype))];
  }

  has(etype: number): boolean {
    return this.#password === undefined
      ? this.#keys.some((key) => key.keytype === etype)
      : findEncType(etype) !== undefined;
  }

  /** @throws KerberosError NO_USABLE_KEY */
  key(hint: KeyHint): EncryptionKey {
    if (this.#password === undefined) {
      const key = this.#keys.find(({ keytype }) => keytype === hint.etype);
      if (key === undefined) throw this.noKey([hint.etype]);
      return key;
    }
    const salt = hint.salt ?? principalSalt(this.#principal);
    const id = `${hint.etype} ${typeof salt === "string" ? salt : fromUtf8(salt)} ${hint.params?.join() ?? ""}`;
    if (this.#last?.id !== id) {
      this.#last = { id, key: stringToKey(hint.etype, this.#password, salt, { params: hint.params }) };
    }
    return this.#last.key;
  }

  noKey(offered: readonly number[]): KerberosError {
    const names = offered.map(formatEncType).join(", ");
    return new KerberosError(`no key of ${shown(this.#principal)} is of a type the KDC accepts (${names})`, {
      code: "NO_USABLE_KEY",
      family: "environment",
      facts: {
        principal: shown(this.#principal),
        offered: names,
        held: this.#keys.map((k) => formatEncType(k.keytype)).join(", "),
      },
      remedy:
        "Export a new keytab with AES keys; after the domain's change to AES the account's password must be set once.",
    });
  }
}

/** The KDC's list of the client's key types, in its order: RFC 4120 sections 5.2.7.4 and 5.2.7.5. */
export function keyHints(padata: readonly PaData[]): readonly KeyHint[] {
  const find = (type: number): Uint8Array | undefined =>
    padata.find((pa) => pa.padataType === type)?.padataValue;
  const info2 = find(PaType.etypeInfo2);
  if (info2 !== undefined) {
    return read(() => EtypeInfo2.decode(info2)).map(({ etype, salt, s2kparams }) => ({
      etype,
      salt,
      params: s2kparams,
    }));
  }
  const info = find(PaType.etypeInfo);
  return info === undefined
    ? []
    : read(() => EtypeInfo.decode(info)).map(({ etype, salt }) => ({ etype, salt }));
}

function read<T>(decode: () => readonly T[]): readonly T[] {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof Asn1Error) return [];
    throw cause;
  }
}

function newestKeys(principal: Principal, keytab: KeyTable): readonly EncryptionKey[] {
  const newest = new Map<number, { kvno: number; key: EncryptionKey }>();
  for (const { principal: owner, kvno, key } of keytab.entries) {
    if (!samePrincipal(owner, principal)) continue;
    const known = newest.get(key.keytype);
    if (known === undefined || kvno >= known.kvno) newest.set(key.keytype, { kvno, key });
  }
  // One account has one key version: an older type of it would be a key it no longer has.
  const top = Math.max(...[...newest.values()].map(({ kvno }) => kvno));
  return [...newest.values()].filter(({ kvno }) => kvno === top).map(({ key }) => key);
}
