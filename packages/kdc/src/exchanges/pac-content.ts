import { type Account, type DirectoryView, hasFlag, type UserAccountControlFlag } from "@waybill/directory";
import {
  buildPac,
  GroupAttributes,
  type GroupMembership,
  logonInfo,
  type Pac,
  splitSid,
  wellKnownSids,
} from "@waybill/kerberos";

/** How the KDC came to believe in the client's identity: MS-DTYP section 2.4.2.4, S-1-18-1 and S-1-18-2. */
export type AssertedBy = "authentication-authority" | "service";

const assertedSids: Readonly<Record<AssertedBy, string>> = {
  "authentication-authority": wellKnownSids.authenticationAuthorityAssertedIdentity,
  service: wellKnownSids.serviceAssertedIdentity,
};

/** USER_* bits of MS-SAMR section 2.2.1.12 for the directory's flags. */
const samrBits: readonly (readonly [UserAccountControlFlag, number])[] = [
  ["accountDisable", 0x1],
  ["homeDirectoryRequired", 0x2],
  ["passwordNotRequired", 0x4],
  ["normalAccount", 0x10],
  ["interdomainTrustAccount", 0x40],
  ["workstationTrustAccount", 0x80],
  ["serverTrustAccount", 0x100],
  ["dontExpirePassword", 0x200],
  ["smartcardRequired", 0x1000],
  ["trustedForDelegation", 0x2000],
  ["notDelegated", 0x4000],
  ["dontRequirePreauth", 0x10000],
  ["trustedToAuthForDelegation", 0x40000],
  ["noAuthDataRequired", 0x80000],
];

interface Built {
  readonly version: number;
  readonly pacs: Map<AssertedBy, Pac>;
}

/** Makes the parts of a PAC that depend on the account alone, and keeps them until the directory changes. */
export class PacSource {
  readonly #directory: DirectoryView;
  readonly #logonServer: string;
  readonly #built = new WeakMap<Account, Built>();

  constructor(directory: DirectoryView, logonServer: string) {
    this.#directory = directory;
    this.#logonServer = logonServer;
  }

  /** LOGON_INFO and UPN_DNS_INFO of an account: MS-PAC sections 2.5 and 2.10. */
  of(account: Account, assertedBy: AssertedBy): Pac {
    const { version } = this.#directory;
    let built = this.#built.get(account);
    if (built === undefined || built.version !== version) {
      built = { version, pacs: new Map() };
      this.#built.set(account, built);
    }
    let pac = built.pacs.get(assertedBy);
    if (pac === undefined) {
      pac = this.#build(account, assertedBy);
      built.pacs.set(assertedBy, pac);
    }
    return pac;
  }

  #build(account: Account, assertedBy: AssertedBy): Pac {
    const { domain } = this.#directory;
    const { rid } = splitSid(account.sid);
    const { global, local } = this.#memberships(account);
    const { passwordLastSet } = account;
    const uac = account.userAccountControl;
    const mustChange =
      passwordLastSet === undefined ||
      domain.passwords.maxAge === undefined ||
      hasFlag(uac, "dontExpirePassword")
        ? Number.POSITIVE_INFINITY
        : passwordLastSet + domain.passwords.maxAge;
    return buildPac({
      logonInfo: logonInfo({
        logonTime: account.lastLogon,
        passwordLastSet,
        passwordCanChange:
          passwordLastSet === undefined ? undefined : passwordLastSet + domain.passwords.minAge,
        passwordMustChange: mustChange,
        effectiveName: account.samAccountName,
        fullName: account.displayName ?? "",
        logonCount: account.logonCount & 0xffff,
        badPasswordCount: account.badPasswordCount & 0xffff,
        userId: rid,
        primaryGroupId: account.primaryGroupId,
        groups: global,
        logonServer: this.#logonServer,
        logonDomainName: domain.netbiosName,
        logonDomainId: domain.sid,
        userAccountControl: samrBits.reduce(
          (bits, [flag, bit]) => (hasFlag(uac, flag) ? bits | bit : bits),
          0,
        ),
        extraSids: [{ sid: assertedSids[assertedBy], attributes: GroupAttributes.usual }],
        ...(local.length === 0 ? {} : { resourceGroupDomain: domain.sid, resourceGroups: local }),
      }),
      upnDnsInfo: {
        upn: account.userPrincipalName ?? `${account.samAccountName}@${domain.dnsName}`,
        dnsDomainName: domain.realm,
        flags: account.userPrincipalName === undefined ? 1 : 0,
        samName: account.samAccountName,
        sid: account.sid,
      },
    });
  }

  /** Builtin groups belong to each machine and stay out of PACs: MS-PAC section 2.5. */
  #memberships(account: Account): { global: GroupMembership[]; local: GroupMembership[] } {
    const prefix = `${this.#directory.domain.sid}-`;
    const global: GroupMembership[] = [];
    const local: GroupMembership[] = [];
    for (const group of this.#directory.groupsOf(account)) {
      if (!group.sid.startsWith(prefix) || group.scope === "builtin") continue;
      const rid = Number(group.sid.slice(prefix.length));
      if (group.scope === "domain-local") {
        local.push({ rid, attributes: GroupAttributes.usual | GroupAttributes.resource });
      } else global.push({ rid, attributes: GroupAttributes.usual });
    }
    if (!global.some(({ rid }) => rid === account.primaryGroupId)) {
      global.unshift({ rid: account.primaryGroupId, attributes: GroupAttributes.usual });
    }
    return { global, local };
  }
}
