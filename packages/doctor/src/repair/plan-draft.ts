import {
  type Account,
  AceType,
  actOnBehalfDescriptor,
  type DirectoryView,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  fullControl,
  UserAccountControl,
  type UserAccountControlFlag,
} from "@waybill/directory";
import {
  type AttributeDiff,
  delegationAttributes,
  descriptorDiff,
  flagsDiff,
  textDiff,
} from "./attribute-diff.ts";
import { viewAfter } from "./view-after.ts";

/** Collects changes to accounts and gives them as one diff per attribute. Each step sees those before it. */
export class PlanDraft {
  readonly #view: DirectoryView;
  readonly #lists = new Map<string, string[]>();
  /** Entries in lower case, kept beside lists of thousands. */
  readonly #keys = new Map<string, Set<string>>();
  readonly #names = new Map<string, string[]>();
  readonly #flags = new Map<string, number>();
  readonly #descriptors = new Map<string, Uint8Array | undefined>();
  readonly #encryption = new Map<string, number>();
  readonly #opens = new Map<string, Set<string>>();

  constructor(view: DirectoryView) {
    this.#view = view;
  }

  list(account: Account): readonly string[] {
    return this.#lists.get(account.sid) ?? account.allowedToDelegateTo;
  }

  flags(account: Account): number {
    return this.#flags.get(account.sid) ?? account.userAccountControl;
  }

  hasEntry(account: Account, spn: string): boolean {
    return this.#keysOf(account).has(spn.toLowerCase());
  }

  addEntry(account: Account, spn: string): void {
    if (this.hasEntry(account, spn)) return;
    const list = this.#lists.get(account.sid) ?? [...account.allowedToDelegateTo];
    list.push(spn);
    this.#lists.set(account.sid, list);
    this.#keysOf(account).add(spn.toLowerCase());
  }

  removeEntries(account: Account, goes: (spn: string) => boolean): void {
    const list = this.list(account);
    const rest = list.filter((entry) => !goes(entry));
    if (rest.length === list.length) return;
    this.#lists.set(account.sid, rest);
    this.#keys.delete(account.sid);
  }

  setFlag(account: Account, flag: UserAccountControlFlag, on: boolean): void {
    const bits = this.flags(account);
    const after = on ? bits | UserAccountControl[flag] : bits & ~UserAccountControl[flag];
    if (after !== bits) this.#flags.set(account.sid, after);
  }

  setEncryption(account: Account, bits: number): void {
    this.#encryption.set(account.sid, bits);
  }

  addName(account: Account, spn: string): void {
    const names = this.#names.get(account.sid) ?? account.servicePrincipalNames;
    if (!names.some((name) => name.toLowerCase() === spn.toLowerCase()))
      this.#names.set(account.sid, [...names, spn]);
  }

  removeName(account: Account, spn: string): void {
    const names = this.#names.get(account.sid) ?? account.servicePrincipalNames;
    const rest = names.filter((name) => name.toLowerCase() !== spn.toLowerCase());
    if (rest.length !== names.length) this.#names.set(account.sid, rest);
  }

  /** Lets `trustee` act for others towards `account`. A damaged descriptor is written anew. */
  grant(account: Account, trustee: Account): void {
    const before = this.descriptor(account);
    let parsed: ReturnType<typeof decodeSecurityDescriptor> | undefined;
    try {
      parsed = before === undefined ? undefined : decodeSecurityDescriptor(before);
    } catch {
      parsed = undefined;
    }
    if (parsed?.dacl === undefined) {
      this.#descriptors.set(account.sid, actOnBehalfDescriptor([trustee.sid]));
      return;
    }
    const { dacl } = parsed;
    const kept = dacl.aces.filter(({ sid }) => sid !== trustee.sid);
    const ace = { type: AceType.accessAllowed, flags: 0, mask: fullControl, sid: trustee.sid };
    this.#descriptors.set(
      account.sid,
      encodeSecurityDescriptor({ ...parsed, dacl: { ...dacl, aces: [...kept, ace] } }),
    );
  }

  /** Takes entries for the given SIDs out of a descriptor; the attribute goes when nothing is left. */
  revoke(account: Account, sids: readonly string[]): void {
    const before = this.descriptor(account);
    if (before === undefined) return;
    try {
      const parsed = decodeSecurityDescriptor(before);
      const aces = parsed.dacl?.aces ?? [];
      const kept = aces.filter(({ sid }) => !sids.includes(sid));
      if (kept.length === aces.length) return;
      const dacl = { revision: parsed.dacl?.revision ?? 4, aces: kept };
      this.#descriptors.set(
        account.sid,
        kept.length === 0 ? undefined : encodeSecurityDescriptor({ ...parsed, dacl }),
      );
    } catch {
      this.#descriptors.set(account.sid, undefined);
    }
  }

  clearDescriptor(account: Account): void {
    if (this.descriptor(account) !== undefined) this.#descriptors.set(account.sid, undefined);
  }

  /** Notes what a change to an account's attribute makes possible. */
  opens(account: Account, attribute: string, sentence: string): void {
    const key = `${account.sid}\n${attribute}`;
    this.#opens.set(key, (this.#opens.get(key) ?? new Set()).add(sentence));
  }

  diffs(): AttributeDiff[] {
    const view = this.#view;
    const nameOf = (sid: string): string =>
      view.bySid(sid)?.samAccountName ?? view.groupBySid(sid)?.samAccountName ?? "unknown";
    const of = (account: Account, attribute: string): string[] => [
      ...(this.#opens.get(`${account.sid}\n${attribute}`) ?? []),
    ];
    const { flags, list, names, resource, encryption } = delegationAttributes;
    const diffs: AttributeDiff[] = [];
    const each = <T>(
      changes: ReadonlyMap<string, T>,
      make: (account: Account, value: T) => AttributeDiff,
    ): void => {
      for (const [sid, value] of changes) {
        const account = view.bySid(sid);
        const diff = account === undefined ? undefined : make(account, value);
        if (diff !== undefined && diff.lines.length > 0) diffs.push(diff);
      }
    };
    each(this.#names, (account, after) =>
      textDiff(account, names, account.servicePrincipalNames, after, of(account, names)),
    );
    each(this.#lists, (account, after) =>
      textDiff(account, list, account.allowedToDelegateTo, after, of(account, list)),
    );
    each(this.#flags, (account, after) => flagsDiff(account, after, of(account, flags)));
    each(this.#descriptors, (account, after) =>
      descriptorDiff(account, after, nameOf, of(account, resource)),
    );
    each(this.#encryption, (account, after) => {
      const { supportedEncryptionTypes: before } = account;
      return textDiff(
        account,
        encryption,
        before === undefined ? [] : [String(before)],
        [String(after)],
        of(account, encryption),
      );
    });
    return diffs;
  }

  /** The directory with the changes so far. */
  view(): DirectoryView {
    return viewAfter(this.#view, this.diffs());
  }

  #keysOf(account: Account): Set<string> {
    let keys = this.#keys.get(account.sid);
    if (keys === undefined) {
      keys = new Set(this.list(account).map((entry) => entry.toLowerCase()));
      this.#keys.set(account.sid, keys);
    }
    return keys;
  }

  descriptor(account: Account): Uint8Array | undefined {
    return this.#descriptors.has(account.sid)
      ? this.#descriptors.get(account.sid)
      : account.allowedToActOnBehalfOf;
  }
}
