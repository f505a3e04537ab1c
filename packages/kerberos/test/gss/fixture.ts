import { VirtualClock } from "@waybill/base";
import type { Credential } from "../../src/client/credential.ts";
import { encrypt, randomKey } from "../../src/crypto/index.ts";
import {
  type AcceptorOptions,
  type CreateInitiatorOptions,
  createAcceptor,
  createInitiator,
  MemoryReplayCache,
  type SecurityContext,
} from "../../src/gss/index.ts";
import { type EncryptionKey, EncTicketPart } from "../../src/messages/index.ts";
import { buildPac, logonInfo, pacAuthorizationData, signTicketPac } from "../../src/pac/index.ts";
import { type Principal, parsePrincipal, toPrincipalName } from "../../src/principal.ts";
import { EncType, KeyUsage, TicketFlags } from "../../src/registry/index.ts";

export const domainSid = "S-1-5-21-1-2-3";

export interface ServiceOptions {
  readonly etype?: number;
  readonly withPac?: boolean;
  readonly part?: Partial<EncTicketPart>;
}

/** A service with a key, and tickets to it made without a KDC. */
export class Service {
  readonly clock = new VirtualClock();
  readonly principal: Principal = parsePrincipal("WSMAN/kvm01.lab.test@LAB.TEST");
  readonly key: EncryptionKey;
  readonly kdcKey = randomKey(EncType.aes256CtsHmacSha1);
  readonly replayCache = new MemoryReplayCache();
  readonly keytab;

  constructor(etype: number = EncType.aes256CtsHmacSha1) {
    this.key = randomKey(etype);
    this.keytab = { entries: [{ principal: this.principal, kvno: 3, key: this.key }] };
  }

  /** A ticket of `client` for this service (or, with `server`, for another name of it). */
  ticket(
    client = "alice@LAB.TEST",
    options: ServiceOptions & { server?: Principal; kvno?: number } = {},
  ): Credential {
    const who = parsePrincipal(client);
    const server = options.server ?? this.principal;
    const now = Math.floor(this.clock.now() / 1000) * 1000;
    const part: EncTicketPart = {
      flags: TicketFlags.forwardable | TicketFlags.preAuthent,
      key: randomKey(options.etype ?? this.key.keytype),
      crealm: who.realm,
      cname: toPrincipalName(who),
      transited: { trType: 1, contents: new Uint8Array() },
      authtime: now,
      endtime: now + 36_000_000,
      ...options.part,
    };
    const pac = buildPac({
      logonInfo: logonInfo({
        effectiveName: who.components[0]!,
        userId: 1103,
        logonDomainId: domainSid,
        logonDomainName: "LAB",
        extraSids: [{ sid: "S-1-18-1", attributes: 7 }],
      }),
      clientInfo: { name: who.components.join("/"), authTime: part.authtime },
    });
    const bytes =
      options.withPac === false
        ? EncTicketPart.encode(part)
        : signTicketPac(EncTicketPart.encode({ ...part, authorizationData: [pacAuthorizationData()] }), pac, {
            serverKey: this.key,
            kdcKey: this.kdcKey,
            service: true,
          });
    return {
      client: who,
      server,
      ticket: {
        tktVno: 5,
        realm: server.realm,
        sname: toPrincipalName(server),
        encPart: {
          etype: this.key.keytype,
          kvno: options.kvno ?? 3,
          cipher: encrypt(this.key, KeyUsage.ticket, bytes),
        },
      },
      key: part.key,
      flags: part.flags,
      authTime: part.authtime,
      endTime: part.endtime,
    };
  }

  acceptor(options: Partial<AcceptorOptions> & { mechanism?: "krb5" | "spnego" } = {}) {
    return createAcceptor({
      keytab: this.keytab,
      replayCache: this.replayCache,
      clock: this.clock,
      ...options,
    });
  }

  initiator(options: CreateInitiatorOptions = {}) {
    return createInitiator({ credential: this.ticket(), clock: this.clock, ...options });
  }
}

export interface Stepping {
  step(token?: Uint8Array): {
    token?: Uint8Array | undefined;
    done: boolean;
    context?: SecurityContext | undefined;
  };
}

/** Carries tokens until both sides are done; returns both contexts and the tokens in order. */
export function establish(initiator: Stepping, acceptor: Stepping) {
  const tokens: Uint8Array[] = [];
  let toAcceptor = initiator.step();
  let toInitiator: ReturnType<Stepping["step"]> | undefined;
  let client = toAcceptor.context;
  let server: SecurityContext | undefined;
  for (let leg = 0; leg < 6; leg++) {
    if (toAcceptor.token !== undefined) {
      tokens.push(toAcceptor.token);
      toInitiator = acceptor.step(toAcceptor.token);
      server = toInitiator.context ?? server;
    } else toInitiator = undefined;
    if (toInitiator?.token === undefined) break;
    tokens.push(toInitiator.token);
    toAcceptor = initiator.step(toInitiator.token);
    client = toAcceptor.context ?? client;
    if (toAcceptor.token === undefined) break;
  }
  if (client === undefined || server === undefined) throw new Error("no context on both sides");
  return { client, server, tokens };
}
