import { test } from "vitest";
import { decrypt, encrypt, encTypesWithRc4 } from "../../src/crypto/index.ts";
import {
  decodeAuthenticatorChecksum,
  encodeAuthenticatorChecksum,
} from "../../src/gss/authenticator-checksum.ts";
import { GssFlags } from "../../src/gss/index.ts";
import { decodeNegotiation } from "../../src/gss/spnego-messages.ts";
import { ApReq } from "../../src/messages/index.ts";
import { parsePrincipal } from "../../src/principal.ts";
import { EncType, KeyUsage } from "../../src/registry/index.ts";
import { storm, stormTimeout } from "../support/storm.ts";
import { establish, Service } from "./fixture.ts";

const service = new Service();
const delegate = service.ticket("alice@LAB.TEST", { server: parsePrincipal("krbtgt/LAB.TEST@LAB.TEST") });
const spnego = establish(service.initiator({ delegate }), service.acceptor());
const bare = establish(service.initiator({ mechanism: "krb5" }), service.acceptor());
const dce = establish(service.initiator({ mechanism: "krb5", flags: GssFlags.dceStyle }), service.acceptor());
let refusal: Uint8Array | undefined;
try {
  service.acceptor({ keytab: { entries: [] } }).step(service.initiator({ mechanism: "krb5" }).step().token);
} catch (error) {
  refusal = (error as { token: Uint8Array }).token;
}

test(
  "mutated first tokens at the acceptor",
  () => {
    storm([spnego.tokens[0]!, bare.tokens[0]!, dce.tokens[0]!], (bytes) => service.acceptor().step(bytes));
  },
  stormTimeout,
);

test(
  "mutated answers at the initiator",
  () => {
    const credential = service.ticket();
    storm([spnego.tokens[1]!, bare.tokens[1]!, dce.tokens[1]!, refusal!], (bytes) => {
      const initiator = service.initiator({ credential, mechanism: bytes[0] === 0xa1 ? "spnego" : "krb5" });
      initiator.step();
      initiator.step(bytes);
    });
  },
  stormTimeout,
);

test(
  "mutated SPNEGO tokens at the decoder",
  () => {
    storm([spnego.tokens[0]!.subarray(13), spnego.tokens[1]!], (bytes) => decodeNegotiation(bytes));
  },
  stormTimeout,
);

test(
  "mutated authenticator checksums",
  () => {
    const seed = encodeAuthenticatorChecksum({
      bindings: new Uint8Array(16),
      flags: GssFlags.delegate,
      delegation: new Uint8Array(40),
    });
    storm([seed], (bytes) => decodeAuthenticatorChecksum(bytes));
  },
  stormTimeout,
);

test(
  "mutated message tokens",
  () => {
    const { client, server } = bare;
    const message = new Uint8Array(100);
    const seeds = [client.wrap(message), client.wrap(message, false)];
    storm(seeds, (bytes) => server.unwrap(bytes));
    storm([client.getMic(message)], (bytes) => server.verifyMic(message, bytes));
  },
  stormTimeout,
);

test(
  "mutated message tokens of RFC 4757",
  () => {
    const other = new Service(EncType.rc4Hmac);
    const options = { mechanism: "krb5", etypes: encTypesWithRc4, flags: GssFlags.mutual } as const;
    const { client, server } = establish(other.initiator(options), other.acceptor(options));
    const message = new Uint8Array(100);
    const seeds = [client.wrap(message), client.wrap(message, false)];
    storm(seeds, (bytes) => server.unwrap(bytes));
    storm([client.getMic(message)], (bytes) => server.verifyMic(message, bytes));
  },
  stormTimeout,
);

test(
  "mutated contents under a valid seal: an authenticated client is no friend",
  () => {
    const credential = service.ticket();
    const { token } = service
      .initiator({ credential, delegate, mechanism: "krb5", flags: GssFlags.dceStyle })
      .step();
    const request = ApReq.decode(token!);
    const seed = decrypt(credential.key, KeyUsage.apReqAuthenticator, request.authenticator.cipher);
    storm([seed], (bytes) => {
      const cipher = encrypt(credential.key, KeyUsage.apReqAuthenticator, bytes);
      const { etype } = request.authenticator;
      const { context } = service
        .acceptor()
        .step(ApReq.encode({ ...request, authenticator: { etype, cipher } }));
      context?.wrap(new Uint8Array(3));
    });
  },
  stormTimeout,
);
