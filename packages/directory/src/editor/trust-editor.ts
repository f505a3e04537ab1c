import { DirectoryError } from "../errors.ts";
import { type Trust, TrustAttributes, TrustDirection, TrustType } from "../model/trust.ts";
import { UserAccountControl } from "../model/user-account-control.ts";
import { makeRdn } from "../names/dn.ts";
import { toFiletime } from "../names/filetime.ts";
import { encodeSid } from "../security/sid.ts";
import { saltedKeySet } from "./account-keys.ts";
import type { DirectoryEditor } from "./directory-editor.ts";
import { assertNameFree } from "./name-checks.ts";

export interface NewTrust {
  /** The other realm, `OTHER.TEST`. */
  readonly partner: string;
  /** What both sides make the keys of `krbtgt/THERE@HERE` and `krbtgt/HERE@THERE` from. */
  readonly password: string;
  /** Bits of `TrustDirection`. Default: both. */
  readonly direction?: number | undefined;
  /** An Active Directory domain, known by its SID, or a realm of MIT or Heimdal. Default: by whether there is a SID. */
  readonly type?: "domain" | "realm" | undefined;
  readonly sid?: string | undefined;
  /** Default: the first label for a domain, the whole name for a realm. */
  readonly netbiosName?: string | undefined;
  /** Bits of `TrustAttributes`. Default: not transitive. */
  readonly attributes?: number | undefined;
}

/** Adds the trust's object, and the account that holds the keys of tickets to the other realm. @throws DirectoryError */
export function createTrust(editor: DirectoryEditor, trust: NewTrust): Trust {
  const { domain } = editor.reader;
  const realm = trust.partner.toUpperCase();
  const partner = realm.toLowerCase();
  if (partner === domain.dnsName || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(partner)) {
    throw new DirectoryError(`"${trust.partner.slice(0, 80)}" cannot be the name of another realm`, {
      code: "BAD_NAME",
      family: "caller",
      remedy: "Use a DNS name such as OTHER.TEST.",
    });
  }
  const type = trust.type ?? (trust.sid === undefined ? "realm" : "domain");
  if (type === "domain" && trust.sid === undefined) {
    throw new DirectoryError(`a trust with the domain ${realm} needs that domain's SID`, {
      code: "BAD_VALUE",
      family: "caller",
      remedy: "Without it no group of that domain could be told from one of this domain.",
    });
  }
  const netbiosName = trust.netbiosName ?? (type === "realm" ? realm : (realm.split(".")[0] ?? realm));
  const direction = trust.direction ?? TrustDirection.inbound | TrustDirection.outbound;
  const generation = { kvno: 1, setAt: editor.clock.now() };
  const keys = (from: string, to: string): ReturnType<typeof saltedKeySet> =>
    saltedKeySet(trust.password, `${from}krbtgt${to}`, generation, editor.lazyKeys);
  const dn = `${makeRdn("CN", partner)},CN=System,${domain.dn}`;
  editor.add(
    dn,
    {
      objectClass: "trustedDomain",
      trustPartner: partner,
      flatName: netbiosName,
      securityIdentifier: trust.sid === undefined ? undefined : encodeSid(trust.sid),
      trustDirection: String(direction),
      trustType: String(type === "realm" ? TrustType.mit : TrustType.uplevel),
      trustAttributes: String(trust.attributes ?? TrustAttributes.nonTransitive),
    },
    (direction & TrustDirection.outbound) === 0 ? undefined : [keys(realm, domain.realm)],
  );
  if ((direction & TrustDirection.inbound) !== 0) {
    const sam = `${netbiosName}$`;
    assertNameFree(editor.reader, sam);
    editor.add(
      `${makeRdn("CN", sam)},CN=Users,${domain.dn}`,
      {
        objectClass: "user",
        sAMAccountName: sam,
        sAMAccountType: "805306370",
        objectSid: editor.newSid(),
        userAccountControl: String(
          UserAccountControl.interdomainTrustAccount | UserAccountControl.passwordNotRequired,
        ),
        primaryGroupID: "513",
        "msDS-SupportedEncryptionTypes": "24",
        pwdLastSet: toFiletime(editor.clock.now()),
      },
      [keys(domain.realm, realm)],
    );
  }
  return requireTrust(editor, partner);
}

/** Removes both. @throws DirectoryError NO_SUCH_OBJECT */
export function removeTrust(editor: DirectoryEditor, partner: string): void {
  const trust = requireTrust(editor, partner);
  const { netbiosName } = trust;
  const account = netbiosName === undefined ? undefined : editor.reader.bySam(`${netbiosName}$`);
  if (account?.kind === "trust") editor.remove(account.dn);
  editor.remove(trust.dn);
}

function requireTrust(editor: DirectoryEditor, partner: string): Trust {
  const lower = partner.toLowerCase();
  const found = editor.reader.trusts().find((trust) => trust.partner.toLowerCase() === lower);
  if (found !== undefined) return found;
  throw new DirectoryError(`there is no trust with ${partner}`, { code: "NO_SUCH_OBJECT", family: "caller" });
}
