import { EncType } from "@waybill/kerberos";
import { DirectoryError } from "../errors.ts";
import type { Account, Group, GroupScope } from "../model/account.ts";
import { usualComputerSpns } from "../model/spn.ts";
import { UserAccountControl, type UserAccountControlFlag } from "../model/user-account-control.ts";
import { makeRdn } from "../names/dn.ts";
import { toFiletime } from "../names/filetime.ts";
import { GroupType } from "../reader/account-from-object.ts";
import { actOnBehalfDescriptor } from "../security/act-on-behalf-descriptor.ts";
import type { AttributeValue, StoredKeySet, StoredObject } from "../store/stored-object.ts";
import { passwordKeySet, randomKeySet, usualKeyTypes } from "./account-keys.ts";
import { managedPasswordAttribute } from "./managed-password.ts";
import { assertNameFree, assertSpnFree } from "./name-checks.ts";
import type { DelegationSettings, NewComputer, NewGroup, NewUser } from "./new-principals.ts";
import { type AttributeSettings, noSuchObject, ObjectEditor } from "./object-editor.ts";

const neverExpires = "9223372036854775807";
const keptGenerations = 3;

/** Changes in the words of administrators, inside one transaction. Checks form and uniqueness, not rights. */
export class DirectoryEditor extends ObjectEditor {
  createUser(user: NewUser): Account {
    const { name } = user;
    assertNameFree(this.reader, name);
    for (const spn of user.spns ?? []) assertSpnFree(this.reader, spn, undefined);
    const now = this.clock.now();
    const flags = flagBits("normalAccount", user.flags, [
      ...(user.sensitive === true ? (["notDelegated"] as const) : []),
      ...(user.disabled === true ? (["accountDisable"] as const) : []),
    ]);
    const keySets = this.#keys(
      user.password,
      now,
      1,
      false,
      { samAccountName: name, userPrincipalName: user.upn },
      user.rc4,
    );
    const dn = `${makeRdn("CN", user.cn ?? name)},${user.container ?? `CN=Users,${this.reader.domain.dn}`}`;
    const object = this.add(
      dn,
      {
        objectClass: "user",
        sAMAccountName: name,
        sAMAccountType: "805306368",
        objectSid: this.newSid(),
        userPrincipalName: user.upn,
        userAccountControl: String(flags),
        primaryGroupID: "513",
        accountExpires: user.accountExpires === undefined ? neverExpires : toFiletime(user.accountExpires),
        pwdLastSet: user.mustChangePassword === true || user.password === undefined ? "0" : toFiletime(now),
        badPwdCount: "0",
        logonCount: "0",
        codePage: "0",
        countryCode: "0",
        servicePrincipalName: user.spns,
        ...user.attributes,
      },
      keySets,
    );
    for (const group of user.groups ?? []) this.addMember(group, name);
    if (user.protected === true) this.addMember("Protected Users", name);
    return this.#account(object);
  }

  createComputer(computer: NewComputer): Account {
    const name = computer.name.replace(/\$$/, "");
    const sam = `${name}$`;
    assertNameFree(this.reader, sam);
    const { domain } = this.reader;
    const dnsHostName = computer.dnsHostName ?? `${name.toLowerCase()}.${domain.dnsName}`;
    const spns = computer.spns ?? usualComputerSpns(name, dnsHostName, computer.migration);
    for (const spn of spns) assertSpnFree(this.reader, spn, undefined);
    const now = this.clock.now();
    const keySets = this.#keys(computer.password, now, 1, true, { samAccountName: sam }, computer.rc4);
    const object = this.add(
      `${makeRdn("CN", name)},${computer.container ?? `CN=Computers,${domain.dn}`}`,
      {
        objectClass: "computer",
        sAMAccountName: sam,
        sAMAccountType: "805306369",
        objectSid: this.newSid(),
        dNSHostName: dnsHostName,
        servicePrincipalName: spns,
        userAccountControl: String(flagBits("workstationTrustAccount", computer.flags)),
        primaryGroupID: "515",
        accountExpires: neverExpires,
        pwdLastSet: toFiletime(now),
        badPwdCount: "0",
        logonCount: "0",
        "msDS-SupportedEncryptionTypes": computer.rc4 === true ? "28" : "24",
        ...computer.attributes,
      },
      keySets,
    );
    return this.#account(object);
  }

  createGroup(group: NewGroup): Group {
    assertNameFree(this.reader, group.name);
    const scope = group.scope ?? "global";
    const object = this.add(
      `${makeRdn("CN", group.name)},${group.container ?? `CN=Users,${this.reader.domain.dn}`}`,
      {
        objectClass: "group",
        sAMAccountName: group.name,
        sAMAccountType: scope === "domain-local" || scope === "builtin" ? "536870912" : "268435456",
        objectSid: this.newSid(),
        groupType: String(groupTypeOf(scope)),
        ...group.attributes,
      },
    );
    const made = this.reader.groupBySam(group.name);
    if (made === undefined) throw noSuchObject(this.reader.dnOf(object.id));
    return made;
  }

  /** Group and member by sAMAccountName, SID or DN. A member that is one already stays one. */
  addMember(group: string, member: string): void {
    this.store.link("member", this.find(group).id, this.find(member).id);
  }

  removeMember(group: string, member: string): void {
    this.store.unlink("member", this.find(group).id, this.find(member).id);
  }

  /** Sets and clears bits of userAccountControl. */
  setFlags(account: string, flags: Partial<Readonly<Record<UserAccountControlFlag, boolean>>>): Account {
    const object = this.find(account);
    let bits = Number(object.attributes.get("useraccountcontrol")?.[0] ?? 0);
    for (const [flag, on] of Object.entries(flags) as [UserAccountControlFlag, boolean | undefined][]) {
      bits = on === true ? bits | UserAccountControl[flag] : bits & ~UserAccountControl[flag];
    }
    return this.#account(this.set(object, { userAccountControl: String(bits) }));
  }

  setDelegation(account: string, settings: DelegationSettings): Account {
    let object = this.find(account);
    if (settings.to !== undefined) object = this.set(object, { "msDS-AllowedToDelegateTo": settings.to });
    if (settings.from !== undefined) {
      const sids = settings.from.map((name) => this.account(name).sid);
      object = this.set(object, {
        "msDS-AllowedToActOnBehalfOfOtherIdentity":
          sids.length === 0 ? undefined : actOnBehalfDescriptor(sids),
      });
    }
    const flags = {
      ...(settings.protocol === undefined ? {} : { trustedToAuthForDelegation: settings.protocol === "any" }),
      ...(settings.unconstrained === undefined ? {} : { trustedForDelegation: settings.unconstrained }),
    };
    return Object.keys(flags).length === 0 ? this.#account(object) : this.setFlags(account, flags);
  }

  addSpn(account: string, ...spns: readonly string[]): Account {
    const object = this.find(account);
    const before = object.attributes.get("serviceprincipalname") ?? [];
    for (const spn of spns) assertSpnFree(this.reader, spn, object.id);
    return this.#account(this.set(object, { servicePrincipalName: union(before, spns) }));
  }

  removeSpn(account: string, ...spns: readonly string[]): Account {
    const object = this.find(account);
    const gone = new Set(spns.map((spn) => spn.toLowerCase()));
    const before = object.attributes.get("serviceprincipalname") ?? [];
    const rest = before.filter((spn) => typeof spn !== "string" || !gone.has(spn.toLowerCase()));
    return this.#account(this.set(object, { servicePrincipalName: rest }));
  }

  /** Makes a new key generation; the last ones are kept, for tickets still out. */
  setPassword(
    account: string,
    password: string,
    options: { mustChange?: boolean; rc4?: boolean } = {},
  ): Account {
    const object = this.find(account);
    const before = this.#account(object);
    if (object.attributes.has(managedPasswordAttribute)) {
      throw new DirectoryError(`the password of ${before.samAccountName} is made by the domain alone`, {
        code: "ACCESS_DENIED",
        family: "caller",
        remedy: "Let its hosts read msDS-ManagedPassword: name them in msDS-GroupMSAMembership.",
      });
    }
    const now = this.clock.now();
    const rc4 = options.rc4 ?? before.keySets[0]?.keys.some((key) => key.keytype === EncType.rc4Hmac);
    const keySets = this.#keys(password, now, before.kvno + 1, before.kind !== "user", before, rc4) ?? [];
    const changed = this.set(
      object,
      {
        pwdLastSet: options.mustChange === true ? "0" : toFiletime(now),
        badPwdCount: "0",
        lockoutTime: undefined,
      },
      [...keySets, ...(object.keySets ?? [])].slice(0, keptGenerations),
    );
    return this.#account(changed);
  }

  /** Replaces or removes any attributes of an account, by name. */
  setAttributes(account: string, settings: AttributeSettings): Account {
    return this.#account(this.set(this.find(account), settings));
  }

  /** @throws DirectoryError NO_SUCH_OBJECT, ACCESS_DENIED for what the domain cannot do without */
  delete(account: string): void {
    const object = this.find(account);
    const dn = this.reader.dnOf(object.id);
    if (object.attributes.get("iscriticalsystemobject")?.[0] === "TRUE") {
      throw new DirectoryError(`the domain needs ${dn}`, {
        code: "ACCESS_DENIED",
        family: "caller",
        facts: { dn },
        remedy: "Disable the account instead, if it must not be used.",
      });
    }
    this.remove(dn);
  }

  /** By sAMAccountName (a computer's `$` may be left out), SID or DN. @throws DirectoryError NO_SUCH_OBJECT */
  find(name: string): StoredObject {
    const { store } = this;
    const key = name.toLowerCase();
    const id =
      store.find("samaccountname", key)[0] ??
      store.find("samaccountname", `${key}$`)[0] ??
      (key.startsWith("s-1-") ? store.find("objectsid", name.toUpperCase())[0] : undefined) ??
      (name.includes("=") ? this.reader.idOfDn(name) : undefined);
    const object = id === undefined ? undefined : store.object(id);
    if (object === undefined) throw noSuchObject(name);
    return object;
  }

  /** The account of that name. @throws DirectoryError NO_SUCH_OBJECT, BAD_VALUE when it is none */
  account(name: string): Account {
    return this.#account(this.find(name));
  }

  #account(object: StoredObject): Account {
    const account = this.reader.accountOf(object.id);
    if (account === undefined) {
      throw new DirectoryError(`${this.reader.dnOf(object.id)} is no account`, {
        code: "BAD_VALUE",
        family: "caller",
      });
    }
    return account;
  }

  #keys(
    password: string | undefined,
    setAt: number,
    kvno: number,
    computer: boolean,
    names: { readonly samAccountName: string; readonly userPrincipalName?: string | undefined },
    rc4 = false,
  ): StoredKeySet[] | undefined {
    const keytypes = rc4 ? [...usualKeyTypes, EncType.rc4Hmac] : usualKeyTypes;
    if (password === undefined)
      return computer ? [randomKeySet(this.random, { kvno, setAt, keytypes })] : undefined;
    const facts = { ...names, realm: this.reader.domain.realm, computer };
    return [passwordKeySet(password, facts, { kvno, setAt, keytypes }, this.lazyKeys)];
  }
}

export function groupTypeOf(scope: GroupScope): number {
  const bits = {
    global: GroupType.global,
    universal: GroupType.universal,
    "domain-local": GroupType.domainLocal,
    builtin: GroupType.domainLocal | GroupType.builtin,
  }[scope];
  return bits | GroupType.security;
}

function flagBits(
  base: UserAccountControlFlag,
  ...more: readonly (readonly UserAccountControlFlag[] | undefined)[]
): number {
  return more
    .flatMap((flags) => flags ?? [])
    .reduce((bits, flag) => bits | UserAccountControl[flag], UserAccountControl[base] as number);
}

function union(before: readonly AttributeValue[], added: readonly string[]): AttributeValue[] {
  const known = new Set(before.map((value) => (typeof value === "string" ? value.toLowerCase() : "")));
  return [...before, ...added.filter((value) => !known.has(value.toLowerCase()))];
}
