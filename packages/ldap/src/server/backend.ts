import type { EntryData, LdapAttribute } from "../entry.ts";
import type { Filter } from "../filter/filter.ts";
import type { AttributeSyntax } from "../filter/syntax.ts";
import type { SecurityContext } from "../sasl/security-context.ts";

/**
 * What a server serves. The server does the protocol: framing, TLS, SASL, the rule that anonymous clients see
 * only the root DSE, attribute selection, size and time limits, paging, sorting. The backend does the
 * directory: names, filters, access control, changes.
 *
 * `Context` is the kind of security context the server's acceptor makes, for backends that look into tickets.
 * `Identity` is whatever the backend wants to remember about an authenticated client. A refusal is a thrown
 * `LdapError`; anything else thrown is logged and answered with `other` and no detail.
 */
export interface LdapBackend<Identity, Context extends SecurityContext = SecurityContext> {
  /** Attributes of the root DSE. The server adds supportedControl, supportedExtension, supportedSASLMechanisms and supportedLDAPVersion. */
  rootDse(session: LdapSession<Identity>): Awaitable<readonly LdapAttribute[]>;

  /**
   * Checks a name (DN, UPN, `DOMAIN\name`) and a password, never empty. Called only on a protected connection.
   *
   * @throws LdapError `invalidCredentials`; see `invalidCredentials()` for AD's texts.
   */
  bindSimple(name: string, password: Uint8Array, session: LdapSession<Identity>): Awaitable<Identity>;

  /**
   * Maps the peer of an established GSS context to an identity.
   *
   * @throws LdapError `invalidCredentials` when the principal has no account here.
   */
  bindSasl(context: Context, session: LdapSession<Identity>): Awaitable<Identity>;

  /**
   * The entries in scope that match the filter and that the session may read, in any order, lazily. Each carries
   * at least the requested attributes that the session may read; the server drops the others (with no list or `*`, it drops none). Iteration pauses
   * for as long as the client likes between two pages: hold no lock or read transaction over a `yield`.
   *
   * @throws LdapError `noSuchObject` with `matchedDN` when the base does not exist.
   */
  search(
    request: SearchOperation,
    operation: LdapOperation<Identity>,
  ): Iterable<SearchItem> | AsyncIterable<SearchItem>;

  /** Whether the entry has the value. @throws LdapError `noSuchObject`, `noSuchAttribute`. */
  compare(
    dn: string,
    assertion: { type: string; value: Uint8Array },
    operation: LdapOperation<Identity>,
  ): Awaitable<boolean>;

  /** Resolves when the entry is durable. @throws LdapError `entryAlreadyExists`, `noSuchObject` (parent), … */
  add(entry: EntryData, operation: LdapOperation<Identity>): Awaitable<void>;

  /** All changes or none, in order. Obeys `controls.permissiveModify` and `controls.assertion`. */
  modify(
    dn: string,
    changes: readonly AttributeChange[],
    operation: LdapOperation<Identity>,
  ): Awaitable<void>;

  /** Deletes a leaf, or with `controls.treeDelete` a whole subtree. @throws LdapError `notAllowedOnNonLeaf`, … */
  delete(dn: string, operation: LdapOperation<Identity>): Awaitable<void>;

  rename(dn: string, target: RenameTarget, operation: LdapOperation<Identity>): Awaitable<void>;

  /** How values of an attribute sort (RFC 2891); without it all sort as text. */
  syntaxOf?(attributeType: string): AttributeSyntax | undefined;

  /** The authorization identity of RFC 4532, such as `u:LAB\alice`; the empty string for anonymous. */
  whoAmI(session: LdapSession<Identity>): string;
}

export type Awaitable<T> = T | Promise<T>;

/** One client's connection, as far as a backend may care. Changes with every bind and StartTLS. */
export interface LdapSession<Identity> {
  /** Counts up; the same number stands in the log. */
  readonly id: number;
  /** `undefined`: anonymous. */
  readonly identity: Identity | undefined;
  /** Address and port of the client, or `local` for a Unix socket. */
  readonly peer: string;
  /** What protects the octets on the wire. Passwords are set only when it is `confidential`. */
  readonly protection: "none" | "integrity" | "confidential";
  /** TLS is on (port 636 or StartTLS). */
  readonly tls: boolean;
  /** The client came through a Unix socket. */
  readonly local: boolean;
}

/** The context in which one operation runs. */
export interface LdapOperation<Identity> {
  readonly session: LdapSession<Identity>;
  readonly controls: OperationControls;
  /** Fires on abandon, unbind, a lost connection, the time limit and the server's stop. */
  readonly signal: AbortSignal;
}

/** The controls a backend must obey, decoded. Paging, sorting and extended DNs of entries are the server's work. */
export interface OperationControls {
  /** 1.2.840.113556.1.4.1413: adding a present value or deleting an absent one succeeds. */
  readonly permissiveModify: boolean;
  /** 1.2.840.113556.1.4.805: delete the entry and all below. */
  readonly treeDelete: boolean;
  /** 1.2.840.113556.1.4.417: deleted objects are visible. */
  readonly showDeleted: boolean;
  /** 1.2.840.113556.1.4.801: which parts of nTSecurityDescriptor (1 owner, 2 group, 4 DACL, 8 SACL); absent: all (15). */
  readonly sdFlags: number | undefined;
  /** RFC 4528: the operation goes ahead only if the target matches, else `assertionFailed`. */
  readonly assertion: Filter | undefined;
  /** 1.2.840.113556.1.4.529: values of DN syntax are wanted as `<GUID=…>;<SID=…>;dn`; 0 hexadecimal, 1 text. */
  readonly extendedDn: 0 | 1 | undefined;
}

export type SearchScope = "base" | "one" | "sub";

export interface SearchOperation {
  readonly baseDn: string;
  readonly scope: SearchScope;
  readonly filter: Filter;
  /** Names in lower case; empty or with `*`: all user attributes; `+`: all operational ones; `1.1`: none. */
  readonly attributes: readonly string[];
  readonly typesOnly: boolean;
}

export type SearchItem = EntryData | SearchReference;

/** A continuation reference: the search goes on at these URLs. */
export interface SearchReference {
  readonly references: readonly string[];
}

export interface AttributeChange {
  readonly operation: "add" | "delete" | "replace";
  readonly type: string;
  /** Empty with `delete` or `replace`: the whole attribute goes. */
  readonly values: readonly Uint8Array[];
}

export interface RenameTarget {
  readonly newRdn: string;
  readonly deleteOldRdn: boolean;
  readonly newSuperior: string | undefined;
}
