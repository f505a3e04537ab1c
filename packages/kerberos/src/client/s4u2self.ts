import { capture } from "@waybill/asn1";
import { concatBytes, utf8 } from "@waybill/base";
import { checksum, verifyChecksum } from "../crypto/index.ts";
import { md4 } from "../crypto/md4.ts";
import { KerberosError } from "../errors.ts";
import type { Checksum, EncryptionKey, PaData } from "../messages/basic.ts";
import { PaForUser, PaS4uX509User, S4uUserId } from "../messages/s4u.ts";
import { type Principal, samePrincipal, toPrincipal, toPrincipalName } from "../principal.ts";
import { ChecksumType } from "../registry/checksum-type.ts";
import { EncType } from "../registry/enc-type.ts";
import { KdcOptions, S4uUserOptions } from "../registry/flags.ts";
import { KeyUsage } from "../registry/key-usage.ts";
import { NameType } from "../registry/name-type.ts";
import { PaType } from "../registry/pa-type.ts";
import type { ExchangeContext } from "./context.ts";
import { type Credential, grantingRealm } from "./credential.ts";
import type { Exchange } from "./exchange.ts";
import { explainS4u2Self } from "./explain-s4u.ts";
import { modified } from "./reply-checks.ts";
import { shown } from "./shown.ts";
import { type TgsKeys, type TgsReply, tgsExchange } from "./tgs-exchange.ts";
import { crossRealmTgt } from "./tgs-path.ts";

/** Which padata tell the KDC who is meant. `both` suits every KDC; Windows clients of 2026 send `x509` alone. */
export type S4u2SelfPadata = "both" | "x509" | "for-user";

/** In whose name the service asks for a ticket to itself. */
export interface S4u2SelfRequest {
  /** The service's own ticket-granting ticket. */
  readonly tgt: Credential;
  /** The person to impersonate. */
  readonly user: Principal;
  /** The name of the service the ticket is for. Default: the service account itself. */
  readonly server?: Principal | undefined;
  readonly padata?: S4u2SelfPadata | undefined;
  /** Ask for a ticket that S4U2Proxy can use as evidence. Default: true. */
  readonly forwardable?: boolean | undefined;
  readonly etypes?: readonly number[] | undefined;
}

/**
 * A ticket to the service itself in a user's name, without the user: MS-SFU section 3.1.5.1. For a user of another
 * realm the way leads to that realm first and back from there by referrals (section 3.1.5.1.1.2).
 */
export function* s4u2selfExchange(context: ExchangeContext, request: S4u2SelfRequest): Exchange<Credential> {
  const { tgt, user } = request;
  const home = grantingRealm(tgt);
  const self = request.server ?? tgt.client;
  let current = user.realm === home ? tgt : yield* crossRealmTgt(context, tgt, user.realm);
  const visited = new Set<string>();
  for (;;) {
    const here = grantingRealm(current);
    if (visited.has(here) || visited.size > context.maxReferrals) throw lost(request);
    visited.add(here);
    const answer: Credential = yield* oneRequest(
      context,
      request,
      current,
      here === home ? self : foreignName(self),
    );
    if (here === home) return answer;
    current = answer;
  }
}

function* oneRequest(
  context: ExchangeContext,
  request: S4u2SelfRequest,
  tgt: Credential,
  server: Principal,
): Exchange<Credential> {
  const { user, padata = "both" } = request;
  // A ticket-granting ticket that is not forwardable cannot pay for one that is: some KDCs refuse to be asked.
  const forwardable = (request.forwardable ?? true) ? tgt.flags & KdcOptions.forwardable : 0;
  const isFinal = server.nameType !== NameType.enterprise;
  return yield* tgsExchange(context, {
    tgt,
    server,
    kdcOptions: KdcOptions.canonicalize | forwardable,
    etypes: request.etypes,
    padata: (keys) => s4uPadata(user, keys, padata),
    subject: (reply, keys) => {
      if (isFinal) checkSubject(reply, keys, request);
    },
    origin: "S4U2Self",
    what: `asking ${grantingRealm(tgt)} for a ticket to ${shown(server)} in the name of ${shown(user)}`,
    explain: explainS4u2Self(request),
  });
}

function s4uPadata(user: Principal, keys: TgsKeys, which: S4u2SelfPadata): PaData[] {
  const padata: PaData[] = [];
  if (which !== "for-user")
    padata.push({ padataType: PaType.s4uX509User, padataValue: x509User(user, keys) });
  if (which !== "x509") padata.push({ padataType: PaType.forUser, padataValue: forUser(user, keys.session) });
  return padata;
}

/** MS-SFU section 2.2.2: bound to this request by its nonce and the authenticator's subkey. */
function x509User(user: Principal, keys: TgsKeys): Uint8Array {
  const userId = capture(S4uUserId, {
    nonce: keys.nonce,
    cname: toPrincipalName(user),
    crealm: user.realm,
    options: S4uUserOptions.useReplyKeyUsage,
  });
  return PaS4uX509User.encode({
    userId,
    checksum: userIdChecksum(keys.subkey, KeyUsage.paS4uX509UserRequest, userId.bytes),
  });
}

function userIdChecksum(key: EncryptionKey, usage: number, bytes: Uint8Array): Checksum {
  return key.keytype === EncType.rc4Hmac
    ? { cksumtype: ChecksumType.rsaMd4, checksum: md4(bytes) }
    : checksum(key, usage, bytes);
}

const authPackage = "Kerberos";

/** MS-SFU section 2.2.1: the checksum is always the one with MD5, whatever the key. */
function forUser(user: Principal, key: EncryptionKey): Uint8Array {
  const nameType = new Uint8Array(4);
  new DataView(nameType.buffer).setInt32(0, user.nameType, true);
  const covered = concatBytes(nameType, ...user.components.map(utf8), utf8(user.realm), utf8(authPackage));
  return PaForUser.encode({
    userName: toPrincipalName(user),
    userRealm: user.realm,
    cksum: checksum(key, KeyUsage.paForUserChecksum, covered, ChecksumType.hmacMd5),
    authPackage,
  });
}

/** The ticket must be the asked user's: an old KDC that ignores the padata would give the service its own. */
function checkSubject(
  { rep }: TgsReply,
  keys: TgsKeys,
  { user, padata = "both", tgt }: S4u2SelfRequest,
): void {
  const got = toPrincipal(rep.crealm, rep.cname);
  const proof = rep.padata?.find((pa) => pa.padataType === PaType.s4uX509User);
  if (proof === undefined) {
    if (padata === "x509" || (samePrincipal(got, tgt.client) && !samePrincipal(user, tgt.client))) {
      throw new KerberosError("the KDC did not understand the request to act for a user", {
        code: "S4U2SELF_NOT_SUPPORTED",
        facts: { user: shown(user), got: shown(got) },
        remedy: "Use a KDC that supports S4U2Self, or send both kinds of padata.",
      });
    }
    if (user.nameType !== NameType.enterprise && !sameName(got, user)) throw otherSubject(user, got);
    return;
  }
  const { userId, checksum: received } = PaS4uX509User.decode(proof.padataValue);
  const { nonce, cname, crealm, options = 0 } = userId.value;
  const usage =
    (options & S4uUserOptions.useReplyKeyUsage) === 0
      ? KeyUsage.paS4uX509UserRequest
      : KeyUsage.paS4uX509UserReply;
  const isAuthentic =
    keys.subkey.keytype === EncType.rc4Hmac || verifyChecksum(keys.subkey, usage, userId.bytes, received);
  if (!isAuthentic || nonce !== keys.nonce) throw modified("its statement about the user is not authentic");
  const stated = cname && toPrincipal(crealm, cname);
  if (stated === undefined || !sameName(stated, got)) throw otherSubject(stated ?? user, got);
  if (user.nameType !== NameType.enterprise && !sameName(got, user)) throw otherSubject(user, got);
}

/** Directories ignore case in names, and answer in the spelling of the account. */
function sameName(left: Principal, right: Principal): boolean {
  return samePrincipal(folded(left), folded(right));
}

function folded({ realm, nameType, components }: Principal): Principal {
  return { realm: realm.toUpperCase(), nameType, components: components.map((part) => part.toLowerCase()) };
}

function otherSubject(asked: Principal, got: Principal): KerberosError {
  return modified("the ticket is in another person's name", { asked: shown(asked), got: shown(got) });
}

/** How a foreign realm is told which service asks: `kvm01$@LAB.TEST` as an enterprise name. */
function foreignName(self: Principal): Principal {
  return { realm: self.realm, nameType: NameType.enterprise, components: [shown(self)] };
}

function lost({ user, tgt }: S4u2SelfRequest): KerberosError {
  return new KerberosError(`the realm ${user.realm} knows no way back to ${grantingRealm(tgt)}`, {
    code: "REFERRAL_LOOP",
    facts: { user: shown(user), realm: grantingRealm(tgt) },
    remedy: "Check that both realms trust each other.",
  });
}
