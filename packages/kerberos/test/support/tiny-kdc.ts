import { capture } from "@waybill/asn1";
import type { Clock } from "@waybill/base";
import {
  ApReq,
  AsRep,
  AsReq,
  Authenticator,
  Checksum,
  checksum,
  decrypt,
  EncAsRepPart,
  type EncKdcRepPart,
  EncryptedData,
  type EncryptionKey,
  EncTgsRepPart,
  EncTicketPart,
  ErrorCode,
  EtypeInfo2,
  encrypt,
  KdcOptions,
  type KdcRep,
  type KdcTransport,
  KeyUsage,
  KrbError,
  MethodData,
  type PaData,
  PaEncTsEnc,
  PaForUser,
  PaS4uX509User,
  PaType,
  type PrincipalName,
  randomKey,
  S4uUserId,
  S4uUserOptions,
  stringToKey,
  TgsRep,
  TgsReq,
  type Ticket,
  TicketFlags,
  verifyChecksum,
} from "../../src/index.ts";

/** What a test may change in a reply before it is sealed: the way to be a lying KDC. */
export interface Draft {
  rep: KdcRep;
  enc: EncKdcRepPart;
}

const hour = 3_600_000;

/**
 * A KDC of a few lines for tests of the client: no policy, one encryption type, every account known by its password.
 * Names are `service/host` strings. It can refer, impersonate and lie.
 */
export class TinyKdc {
  readonly realm: string;
  readonly clock: Clock;
  readonly accounts = new Map<string, string>();
  /** Services of other realms and the realm to refer to. */
  readonly referrals = new Map<string, string>();
  /** Realms this one shares a key with. */
  readonly trusts = new Set<string>();
  tamper: (draft: Draft) => void = () => {};
  /** What is done to the encoded part of a reply before it is sealed. */
  garble: (part: Uint8Array) => Uint8Array = (part) => part;
  /** Whether PA-S4U-X509-USER is understood. */
  knowsX509User = true;
  /** Salts that are not the usual ones. */
  readonly salts = new Map<string, string>();
  requests = 0;
  /** How often a wrong proof of identity came. */
  failures = 0;

  constructor(realm: string, clock: Clock) {
    this.realm = realm;
    this.clock = clock;
  }

  handle(request: Uint8Array): Uint8Array {
    this.requests++;
    return request[0] === 0x6a ? this.#as(request) : this.#tgs(request);
  }

  #key(name: string): EncryptionKey | undefined {
    const trusted = /^krbtgt\/(.*)$/.exec(name)?.[1];
    // Both sides of a trust have the same key; a realm's own ticket-granting service is its trust with itself.
    if (trusted !== undefined && (trusted === this.realm || this.trusts.has(trusted))) return secret(trusted);
    const password = this.accounts.get(name);
    return password === undefined ? undefined : keyOf(password, this.#salt(name));
  }

  #as(request: Uint8Array): Uint8Array {
    const { padata = [], reqBody } = AsReq.decode(request);
    const { cname, sname, till, nonce } = reqBody.value;
    const name = nameOf(cname);
    const key = this.#key(name);
    if (key === undefined || cname === undefined || sname === undefined)
      return this.#error("KDC_ERR_C_PRINCIPAL_UNKNOWN");
    const info = EtypeInfo2.encode([{ etype: 18, salt: this.#salt(name) }]);
    const hint: PaData = { padataType: PaType.etypeInfo2, padataValue: info };
    const proof = padata.find((pa) => pa.padataType === PaType.encTimestamp);
    if (proof === undefined) {
      return this.#error(
        "KDC_ERR_PREAUTH_REQUIRED",
        MethodData.encode([{ padataType: PaType.encTimestamp, padataValue: new Uint8Array() }, hint]),
      );
    }
    let stamp: number;
    try {
      const plain = decrypt(
        key,
        KeyUsage.asReqPaEncTimestamp,
        EncryptedData.decode(proof.padataValue).cipher,
      );
      stamp = PaEncTsEnc.decode(plain).patimestamp;
    } catch {
      this.failures++;
      return this.#error("KDC_ERR_PREAUTH_FAILED", MethodData.encode([hint]));
    }
    if (Math.abs(stamp - this.clock.now()) > 300_000) return this.#error("KRB_AP_ERR_SKEW");
    const sum = Checksum.encode(checksum(key, KeyUsage.asReq, request));
    const draft = this.#draft(cname, this.realm, sname, reqBody.value.kdcOptions, till, nonce);
    draft.enc.flags = (draft.enc.flags | TicketFlags.encPaRep | TicketFlags.initial) >>> 0;
    draft.enc.encryptedPaData = [{ padataType: PaType.reqEncPaRep, padataValue: sum }];
    draft.rep = { ...draft.rep, msgType: 11, padata: [hint] };
    this.tamper(draft);
    const sealed = encrypt(key, KeyUsage.asRepEncPart, this.garble(EncAsRepPart.encode(draft.enc)));
    return AsRep.encode({ ...draft.rep, encPart: { etype: 18, cipher: sealed } });
  }

  #tgs(request: Uint8Array): Uint8Array {
    const { padata = [], reqBody } = TgsReq.decode(request);
    const { sname, kdcOptions, till, nonce, additionalTickets = [] } = reqBody.value;
    const apReq = ApReq.decode(
      padata.find((pa) => pa.padataType === PaType.tgsReq)?.padataValue ?? new Uint8Array(),
    );
    const tgt = EncTicketPart.decode(
      decrypt(secret(this.realm), KeyUsage.ticket, apReq.ticket.encPart.cipher),
    );
    const authenticator = Authenticator.decode(
      decrypt(tgt.key, KeyUsage.tgsReqAuthenticator, apReq.authenticator.cipher),
    );
    const { cksum, subkey, ctime } = authenticator;
    if (
      cksum === undefined ||
      !verifyChecksum(tgt.key, KeyUsage.tgsReqAuthenticatorChecksum, reqBody.bytes, cksum)
    ) {
      return this.#error("KRB_AP_ERR_MODIFIED");
    }
    if (Math.abs(ctime - this.clock.now()) > 300_000) return this.#error("KRB_AP_ERR_SKEW");
    let { cname, crealm } = tgt;
    const answers: PaData[] = [];
    const user = this.#impersonated(padata, subkey ?? tgt.key, answers);
    if (user !== undefined) ({ cname, crealm } = user);
    const [evidence] = additionalTickets;
    if ((kdcOptions & KdcOptions.cnameInAddlTkt) !== 0 && evidence !== undefined) {
      const evidenceKey = this.#key(nameOf(evidence.sname)) ?? secret(this.realm);
      ({ cname, crealm } = EncTicketPart.decode(
        decrypt(evidenceKey, KeyUsage.ticket, evidence.encPart.cipher),
      ));
    }
    const server = this.#server(sname);
    if (server === undefined) return this.#error("KDC_ERR_S_PRINCIPAL_UNKNOWN");
    const draft = this.#draft(cname, crealm, server, kdcOptions, till, nonce);
    draft.rep = { ...draft.rep, msgType: 13, padata: answers };
    this.tamper(draft);
    const [key, usage] =
      subkey === undefined
        ? [tgt.key, KeyUsage.tgsRepEncPartSessionKey]
        : [subkey, KeyUsage.tgsRepEncPartSubkey];
    const sealed = encrypt(key, usage, this.garble(EncTgsRepPart.encode(draft.enc)));
    return TgsRep.encode({ ...draft.rep, encPart: { etype: 18, cipher: sealed } });
  }

  #salt(name: string): string {
    return this.salts.get(name) ?? this.realm + name.replaceAll("/", "");
  }

  #server(sname: PrincipalName | undefined): PrincipalName | undefined {
    const name = nameOf(sname);
    const referral = this.referrals.get(name);
    if (referral !== undefined) return { nameType: 2, nameString: ["krbtgt", referral] };
    return this.#key(name) === undefined ? undefined : sname;
  }

  #impersonated(padata: readonly PaData[], key: EncryptionKey, answers: PaData[]) {
    const x509 = padata.find((pa) => pa.padataType === PaType.s4uX509User);
    if (x509 !== undefined && this.knowsX509User) {
      const { userId, checksum: sum } = PaS4uX509User.decode(x509.padataValue);
      if (!verifyChecksum(key, KeyUsage.paS4uX509UserRequest, userId.bytes, sum))
        throw new Error("wrong checksum");
      const echoed = capture(S4uUserId, { ...userId.value, options: S4uUserOptions.useReplyKeyUsage });
      const proof = checksum(key, KeyUsage.paS4uX509UserReply, echoed.bytes);
      answers.push({
        padataType: PaType.s4uX509User,
        padataValue: PaS4uX509User.encode({ userId: echoed, checksum: proof }),
      });
      return { cname: userId.value.cname as PrincipalName, crealm: userId.value.crealm };
    }
    const forUser = padata.find((pa) => pa.padataType === PaType.forUser);
    if (forUser === undefined) return undefined;
    const { userName, userRealm } = PaForUser.decode(forUser.padataValue);
    return { cname: userName, crealm: userRealm };
  }

  #draft(
    cname: PrincipalName,
    crealm: string,
    sname: PrincipalName,
    options: number,
    till: number,
    nonce: number,
  ): Draft {
    const now = Math.floor(this.clock.now() / 1000) * 1000;
    const key = randomKey(18);
    const times = { authtime: now, starttime: now, endtime: Math.min(till, now + 10 * hour) };
    const flags = (options & KdcOptions.forwardable) >>> 0;
    const part = EncTicketPart.encode({
      flags,
      key,
      crealm,
      cname,
      transited: { trType: 1, contents: new Uint8Array() },
      ...times,
    });
    const cipher = encrypt(this.#key(nameOf(sname)) ?? secret("nobody"), KeyUsage.ticket, part);
    const ticket: Ticket = { tktVno: 5, realm: this.realm, sname, encPart: { etype: 18, cipher } };
    return {
      rep: { pvno: 5, msgType: 0, crealm, cname, ticket, encPart: { etype: 18, cipher } },
      enc: { key, lastReq: [], nonce, flags, ...times, srealm: this.realm, sname },
    };
  }

  #error(code: keyof typeof ErrorCode, eData?: Uint8Array): Uint8Array {
    const now = this.clock.now();
    return KrbError.encode({
      pvno: 5,
      msgType: 30,
      stime: now,
      susec: 0,
      errorCode: ErrorCode[code],
      realm: this.realm,
      sname: { nameType: 2, nameString: ["krbtgt", this.realm] },
      eData,
    });
  }
}

/** Carries messages to KDCs in memory. */
export function inMemory(
  ...kdcs: readonly { realm: string; handle(request: Uint8Array): Uint8Array }[]
): KdcTransport {
  return {
    async exchange(realm, request) {
      const kdc = kdcs.find((candidate) => candidate.realm === realm);
      if (kdc === undefined) throw new Error(`no KDC for ${realm}`);
      return kdc.handle(request);
    },
  };
}

const secrets = new Map<string, EncryptionKey>();

function secret(realm: string): EncryptionKey {
  const known = secrets.get(realm) ?? randomKey(18);
  secrets.set(realm, known);
  return known;
}

const keys = new Map<string, EncryptionKey>();

/** A password's key, made once: that is slow on purpose. */
function keyOf(password: string, salt: string): EncryptionKey {
  const id = `${password}\n${salt}`;
  const known = keys.get(id) ?? stringToKey(18, password, salt);
  keys.set(id, known);
  return known;
}

function nameOf(name: PrincipalName | undefined): string {
  return name?.nameString.join("/") ?? "";
}
