import type { Account } from "@waybill/directory";
import {
  type Checksum,
  ChecksumType,
  checksum,
  KdcOptions,
  KeyUsage,
  NameType,
  type PaData,
  PaForUser,
  PaS4uX509User,
  PaType,
  type PrincipalName,
  S4uUserId,
  S4uUserOptions,
  TicketFlags,
  verifyChecksum,
} from "@waybill/kerberos";
import {
  s4u2selfClientDecision,
  s4u2selfForwardable,
  s4u2selfTargetDecision,
  s4u2selfUserDecision,
  subjectOf,
} from "../policy/index.ts";
import { canonicalName } from "./as-exchange.ts";
import type { Conversation } from "./conversation.ts";
import { type Destination, derivedTimes, inheritedFlags } from "./destination.ts";
import type { KdcContext } from "./kdc-context.ts";
import { nameText } from "./names.ts";
import { padataOf } from "./padata.ts";
import { granted, KdcRefusal } from "./refusal.ts";
import type { TgsGrant } from "./tgs-reply.ts";
import { type OpenedTgsRequest, ownRequester } from "./tgs-request.ts";

/** Whom a service wants a ticket for, as the request names them. */
interface Impersonated {
  readonly name: PrincipalName;
  readonly realm: string;
  readonly certificate: boolean;
  readonly checkLogonHours: boolean;
  /** PA-S4U-X509-USER of the reply, when the request had one. */
  readonly reply: PaData | undefined;
}

/** S4U2Self: MS-SFU section 3.2.5.1. */
export function grantS4uSelf(
  request: OpenedTgsRequest,
  destination: Destination,
  conversation: Conversation,
  context: KdcContext,
): TgsGrant {
  const { directory, profile } = context;
  const { domain, krbtgt } = directory;
  const { tgt, body } = request;
  const requester = ownRequester(request, context);
  const wanted = impersonated(request);
  conversation.facts.impersonates = nameText(wanted.name);
  granted(s4u2selfTargetDecision(requester, destination.service.account, profile));
  const user: Account = granted(
    s4u2selfUserDecision(
      directory,
      {
        name: nameText(wanted.name),
        realm: wanted.realm,
        enterprise: wanted.name.nameType === NameType.enterprise,
        certificate: wanted.certificate,
      },
      profile,
    ),
  ).account;
  const standing = { account: user, domain, now: context.clock.now(), profile };
  granted(s4u2selfClientDecision(standing, wanted.checkLogonHours));
  const decision = s4u2selfForwardable({
    domain,
    krbtgt,
    service: requester,
    user: subjectOf(directory, user),
    forwardableRequested: (body.kdcOptions & KdcOptions.forwardable) !== 0,
    serviceTgtForwardable: (tgt.part.flags & TicketFlags.forwardable) !== 0,
    profile,
  });
  if (!decision.forwardable) {
    conversation.facts.notForwardable = decision.reasons.map((reason) => reason.id).join(" ");
  }
  const times = derivedTimes(request, destination, context);
  const cname = wanted.name.nameType === NameType.enterprise ? canonicalName(user) : wanted.name;
  const { authtime } = tgt.part;
  return {
    service: destination.service,
    sname: destination.sname,
    crealm: domain.realm,
    cname,
    flags:
      ((decision.forwardable ? TicketFlags.forwardable : 0) |
        times.flags |
        inheritedFlags(tgt.part.flags)) >>>
      0,
    authtime,
    times,
    // Also for services marked NO_AUTH_DATA_REQUIRED: without a PAC the ticket would be no evidence.
    pac: context.pacs.of(user, "service").with({ clientInfo: { authTime: authtime, name: nameText(cname) } }),
    others: [],
    ticketKey: destination.key,
    sessionEncType: destination.sessionEncType,
    transited: tgt.part.transited,
    padata: wanted.reply === undefined ? [] : [wanted.reply],
  };
}

/** Reads PA-S4U-X509-USER and PA-FOR-USER. Both are checked; the first one counts (CVE-2026-20849). */
function impersonated(request: OpenedTgsRequest): Impersonated {
  const newer = padataOf(request.padata, PaType.s4uX509User);
  const older = padataOf(request.padata, PaType.forUser);
  const fromOlder = older === undefined ? undefined : readForUser(older, request);
  const wanted = newer === undefined ? fromOlder : readX509User(newer, request);
  if (wanted === undefined) throw new RangeError("S4U2Self without a user");
  return wanted;
}

/** PA-FOR-USER: MS-SFU section 2.2.1. The checksum is made with the TGT's session key, whatever the subkey. */
function readForUser(value: Uint8Array, request: OpenedTgsRequest): Impersonated {
  const { userName, userRealm, cksum, authPackage } = PaForUser.decode(value);
  // Four octets for the name's type, then the texts.
  const covered = Buffer.from(`\0\0\0\0${userName.nameString.join("")}${userRealm}${authPackage}`);
  covered.writeInt32LE(userName.nameType);
  requireKeyed(cksum);
  if (!verifyChecksum(request.sessionKey, KeyUsage.paForUserChecksum, covered, cksum))
    throw forged("PA-FOR-USER");
  return { name: userName, realm: userRealm, certificate: false, checkLogonHours: false, reply: undefined };
}

/** PA-S4U-X509-USER: MS-SFU section 2.2.2. */
function readX509User(value: Uint8Array, request: OpenedTgsRequest): Impersonated {
  const { userId, checksum: received } = PaS4uX509User.decode(value);
  const { cname, crealm, nonce, options = 0, subjectCertificate } = userId.value;
  requireKeyed(received);
  const keys = request.subkey === undefined ? [request.sessionKey] : [request.subkey, request.sessionKey];
  const key = keys.find((candidate) =>
    verifyChecksum(candidate, KeyUsage.paS4uX509UserRequest, userId.bytes, received),
  );
  if (key === undefined || nonce !== request.body.nonce) throw forged("PA-S4U-X509-USER");
  const name = cname ?? { nameType: NameType.unknown, nameString: [] };
  return {
    name,
    realm: crealm,
    checkLogonHours: (options & S4uUserOptions.logonHoursChecked) !== 0,
    certificate: subjectCertificate !== undefined && subjectCertificate.length > 0,
    reply: replyX509User(userId.value, options, request),
  };
}

function replyX509User(asked: S4uUserId, askedOptions: number, request: OpenedTgsRequest): PaData {
  const options = (askedOptions & S4uUserOptions.useReplyKeyUsage) >>> 0;
  const value: S4uUserId = { nonce: asked.nonce, cname: asked.cname, crealm: asked.crealm, options };
  const bytes = S4uUserId.encode(value);
  const usage = options === 0 ? KeyUsage.paS4uX509UserRequest : KeyUsage.paS4uX509UserReply;
  const made = checksum(request.subkey ?? request.sessionKey, usage, bytes);
  return {
    padataType: PaType.s4uX509User,
    padataValue: PaS4uX509User.encode({ userId: { value, bytes }, checksum: made }),
  };
}

const keyedTypes: ReadonlySet<number> = new Set([
  ChecksumType.hmacMd5,
  ChecksumType.hmacSha1Aes128,
  ChecksumType.hmacSha1Aes256,
  ChecksumType.hmacSha256Aes128,
  ChecksumType.hmacSha384Aes256,
]);

function requireKeyed(value: Checksum): void {
  if (keyedTypes.has(value.cksumtype)) return;
  throw new KdcRefusal("KRB_AP_ERR_INAPP_CKSUM", "the user's name is covered by a checksum without a key", {
    reason: "s4u2self-checksum-type",
    facts: { cksumtype: value.cksumtype },
  });
}

function forged(what: string): KdcRefusal {
  return new KdcRefusal("KRB_AP_ERR_MODIFIED", `the checksum of ${what} is not the service's`, {
    reason: "s4u2self-checksum",
  });
}
