import { DirectoryError } from "../errors.ts";
import type { Account, Group } from "../model/account.ts";
import type { DirectoryView, SpnOwners } from "../model/directory-view.ts";
import type { Domain } from "../model/domain.ts";
import { hostAliases, hostAliasOf, spnKey } from "../model/spn.ts";
import type { Trust } from "../model/trust.ts";
import { WellKnownSid } from "../model/well-known.ts";
import { rdnKey, splitDn } from "../names/dn.ts";
import { domainOf } from "../security/sid.ts";
import type { StoreReader } from "../store/store.ts";
import { firstInteger, type StoredObject, texts } from "../store/stored-object.ts";
import { accountFromObject, groupFromObject } from "./account-from-object.ts";
import { readDomain } from "./domain-from-store.ts";
import { trustFromObject } from "./trust-from-object.ts";

/** How many decoded objects are kept. */
const cacheSize = 8_000;

/** A `DirectoryView` over any object store; decoded objects are kept until the store's version changes. */
export class DirectoryReader implements DirectoryView {
  readonly store: StoreReader;
  #cachedVersion = -1;
  #domain: Domain | undefined;
  #aliases: ReadonlySet<string> | undefined;
  readonly #accounts = new Map<number, Account | undefined>();
  readonly #dns = new Map<number, string>();
  #groups = new WeakMap<Account, readonly Group[]>();
  readonly #groupObjects = new Map<number, Group>();
  readonly #ids = new WeakMap<Account, number>();

  constructor(store: StoreReader) {
    this.store = store;
  }

  get version(): number {
    return this.store.version;
  }

  get domain(): Domain {
    this.#refresh();
    this.#domain ??= readDomain(this);
    return this.#domain;
  }

  get krbtgt(): Account {
    const account = this.bySam("krbtgt");
    if (account === undefined) throw noDomain("the directory has no krbtgt account");
    return account;
  }

  bySam(name: string): Account | undefined {
    return this.#unique("samaccountname", name.toLowerCase());
  }

  bySid(sid: string): Account | undefined {
    return this.#unique("objectsid", sid);
  }

  byDn(dn: string): Account | undefined {
    const id = this.idOfDn(dn);
    return id === undefined ? undefined : this.accountOf(id);
  }

  byUpn(upn: string): Account | undefined {
    const explicit = this.#unique("userprincipalname", upn.toLowerCase());
    if (explicit !== undefined) return explicit;
    const at = upn.lastIndexOf("@");
    if (at <= 0) return undefined;
    const suffix = upn.slice(at + 1).toLowerCase();
    const { dnsName, netbiosName } = this.domain;
    return suffix === dnsName || suffix === netbiosName.toLowerCase()
      ? this.bySam(upn.slice(0, at))
      : undefined;
  }

  byName(name: string): Account | undefined {
    return this.bySam(name) ?? this.bySam(`${name}$`);
  }

  bySpn(spn: string): Account | undefined {
    const { accounts } = this.spnOwners(spn);
    return accounts.length === 1 ? accounts[0] : undefined;
  }

  spnOwners(spn: string): SpnOwners {
    const registered = this.#all("serviceprincipalname", spnKey(spn));
    if (registered.length > 0) return { accounts: registered, match: "registered" };
    const host = hostAliasOf(spn, this.#hostAliases());
    const covered = host === undefined ? [] : this.#all("serviceprincipalname", host);
    return { accounts: covered, match: covered.length > 0 ? "host-alias" : "none" };
  }

  groupsOf(account: Account): readonly Group[] {
    this.#refresh();
    const known = this.#groups.get(account);
    if (known !== undefined) return known;
    const groups = this.#collectGroups(account);
    this.#groups.set(account, groups);
    return groups;
  }

  tokenSids(account: Account): readonly string[] {
    const groups = this.groupsOf(account).map((group) => group.sid);
    return [account.sid, ...groups, WellKnownSid.everyone, WellKnownSid.authenticatedUsers];
  }

  groupBySid(sid: string): Group | undefined {
    return this.#group("objectsid", sid);
  }

  groupBySam(name: string): Group | undefined {
    return this.#group("samaccountname", name.toLowerCase());
  }

  *membersOf(group: Group): Iterable<Account> {
    const start = this.idOfDn(group.dn);
    if (start === undefined) return;
    const seen = new Set([start]);
    const queue = [start];
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      for (const member of this.store.links("member", id)) {
        if (seen.has(member)) continue;
        seen.add(member);
        const account = this.accountOf(member);
        if (account === undefined) queue.push(member);
        else yield account;
      }
    }
  }

  *accounts(flags = 0): Iterable<Account> {
    for (const id of this.store.ids()) {
      const object = this.store.object(id);
      if (flags !== 0 && object !== undefined && !hasAnyFlag(object, flags)) continue;
      const account = object === undefined ? undefined : accountFromObject(object, this.dnOf(id));
      if (account !== undefined) yield account;
    }
  }

  trusts(): readonly Trust[] {
    const system = this.idOfDn(`CN=System,${this.domain.dn}`);
    if (system === undefined) return [];
    return [...this.store.children(system)].flatMap((id) => {
      const object = this.store.object(id);
      const trust = object === undefined ? undefined : trustFromObject(object, this.dnOf(id));
      return trust === undefined ? [] : [trust];
    });
  }

  /** The object a DN names. Malformed names name nothing. */
  idOfDn(dn: string): number | undefined {
    let keys: string[];
    try {
      keys = splitDn(dn).map(rdnKey);
    } catch {
      return undefined;
    }
    for (let length = 1; length <= keys.length; length++) {
      let id = this.store.child(0, keys.slice(keys.length - length).join(","));
      for (let at = keys.length - length - 1; id !== undefined && at >= 0; at--) {
        id = this.store.child(id, keys[at] ?? "");
      }
      if (id !== undefined) return id;
    }
    return undefined;
  }

  dnOf(id: number): string {
    this.#refresh();
    const known = this.#dns.get(id);
    if (known !== undefined) return known;
    const object = this.store.object(id);
    if (object === undefined) return "";
    const dn = object.parentId === 0 ? object.rdn : `${object.rdn},${this.dnOf(object.parentId)}`;
    if (this.#dns.size >= cacheSize) this.#dns.clear();
    this.#dns.set(id, dn);
    return dn;
  }

  object(id: number): StoredObject | undefined {
    return this.store.object(id);
  }

  idOfAccount(account: Account): number | undefined {
    return this.#ids.get(account) ?? this.store.find("objectsid", account.sid)[0];
  }

  accountOf(id: number): Account | undefined {
    this.#refresh();
    const known = this.#accounts.get(id);
    if (known !== undefined) return known;
    const object = this.store.object(id);
    const account = object === undefined ? undefined : accountFromObject(object, this.dnOf(id));
    if (account === undefined) return undefined;
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size >= cacheSize && oldest !== undefined) this.#accounts.delete(oldest);
    this.#accounts.set(id, account);
    this.#ids.set(account, id);
    return account;
  }

  /** What HOST stands for here, where the forest says so. */
  #hostAliases(): ReadonlySet<string> | undefined {
    this.#refresh();
    if (this.#aliases === undefined) {
      const names = this.store.setting("hostAliases");
      this.#aliases = Array.isArray(names) ? new Set(names.map(String)) : hostAliases;
    }
    return this.#aliases;
  }

  #refresh(): void {
    const { version } = this.store;
    if (version === this.#cachedVersion) return;
    this.#cachedVersion = version;
    this.#domain = undefined;
    this.#aliases = undefined;
    this.#accounts.clear();
    this.#dns.clear();
    this.#groups = new WeakMap();
    this.#groupObjects.clear();
  }

  #all(attribute: string, key: string): Account[] {
    return this.store.find(attribute, key).flatMap((id) => this.accountOf(id) ?? []);
  }

  #unique(attribute: string, key: string): Account | undefined {
    const [id, other] = this.store.find(attribute, key);
    return id === undefined || other !== undefined ? undefined : this.accountOf(id);
  }

  #group(attribute: string, key: string): Group | undefined {
    this.#refresh();
    for (const id of this.store.find(attribute, key)) {
      const group = this.#groupOf(id);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  #groupOf(id: number): Group | undefined {
    const known = this.#groupObjects.get(id);
    if (known !== undefined) return known;
    const object = this.store.object(id);
    const group = object === undefined ? undefined : groupFromObject(object, this.dnOf(id));
    if (group === undefined) return undefined;
    if (this.#groupObjects.size >= cacheSize) this.#groupObjects.clear();
    this.#groupObjects.set(id, group);
    return group;
  }

  #collectGroups(account: Account): readonly Group[] {
    const start = this.idOfAccount(account);
    if (start === undefined) return [];
    const [primary] = this.store.find("objectsid", `${domainOf(account.sid)}-${account.primaryGroupId}`);
    const queue = [...this.store.backlinks("member", start), ...(primary === undefined ? [] : [primary])];
    const seen = new Set(queue);
    const groups: Group[] = [];
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const group = this.#groupOf(id);
      if (group === undefined || !group.security) continue;
      groups.push(group);
      for (const parent of this.store.backlinks("member", id)) {
        if (!seen.has(parent)) queue.push(parent);
        seen.add(parent);
      }
    }
    return groups.sort((left, right) => (left.sid < right.sid ? -1 : 1));
  }
}

function hasAnyFlag(object: StoredObject, flags: number): boolean {
  return ((firstInteger(object, "useraccountcontrol") ?? 0) & flags) !== 0;
}

/** Whether an object says it is of a class. */
export function hasClass(object: StoredObject, name: string): boolean {
  return texts(object, "objectclass").some((value) => value.toLowerCase() === name);
}

export function integerOr(object: StoredObject | undefined, name: string, fallback: number): number {
  return (object === undefined ? undefined : firstInteger(object, name)) ?? fallback;
}

function noDomain(message: string): DirectoryError {
  return new DirectoryError(message, {
    code: "NO_DOMAIN",
    family: "caller",
    remedy: "Create the domain first.",
  });
}
