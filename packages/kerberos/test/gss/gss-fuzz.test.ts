import { WaybillError } from "@waybill/base";
import { expect, test } from "vitest";
import {
  decodeAuthenticatorChecksum,
  encodeAuthenticatorChecksum,
} from "../../src/gss/authenticator-checksum.ts";
import { GssFlags } from "../../src/gss/index.ts";
import { decodeNegotiation } from "../../src/gss/spnego-messages.ts";
import { parsePrincipal } from "../../src/principal.ts";
import { mutate, seeded } from "../support/mutations.ts";
import { establish, Service } from "./fixture.ts";

const rounds = 100_000;

/** Mutated seeds may be taken or refused with our own errors, never anything else, and never slowly. */
function storm(seeds: readonly Uint8Array[], times: number, read: (bytes: Uint8Array) => void): void {
  const next = seeded(815);
  let refused = 0;
  let slowest = 0;
  for (let round = 0; round < times; round++) {
    const bytes = mutate(seeds[round % seeds.length]!, next);
    const start = performance.now();
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof WaybillError)) throw error;
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  expect(refused).toBeGreaterThan(times / 20);
  expect(slowest).toBeLessThan(1000);
}

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

test("hostile first tokens at the acceptor", () => {
  storm([spnego.tokens[0]!, bare.tokens[0]!, dce.tokens[0]!], rounds, (bytes) =>
    service.acceptor().step(bytes),
  );
}, 120_000);

test("hostile answers at the initiator", () => {
  const credential = service.ticket();
  storm([spnego.tokens[1]!, bare.tokens[1]!, dce.tokens[1]!, refusal!], 20_000, (bytes) => {
    const initiator = service.initiator({ credential, mechanism: bytes[0] === 0xa1 ? "spnego" : "krb5" });
    initiator.step();
    initiator.step(bytes);
  });
}, 120_000);

test("hostile SPNEGO tokens at the decoder", () => {
  storm([spnego.tokens[0]!.subarray(13), spnego.tokens[1]!], rounds, (bytes) => decodeNegotiation(bytes));
}, 120_000);

test("hostile authenticator checksums", () => {
  const seed = encodeAuthenticatorChecksum({
    bindings: new Uint8Array(16),
    flags: GssFlags.delegate,
    delegation: new Uint8Array(40),
  });
  storm([seed], rounds, (bytes) => decodeAuthenticatorChecksum(bytes));
}, 120_000);

test("hostile message tokens", () => {
  const { client, server } = bare;
  const message = new Uint8Array(100);
  const seeds = [client.wrap(message), client.wrap(message, false)];
  storm(seeds, rounds, (bytes) => server.unwrap(bytes));
  storm([client.getMic(message)], 20_000, (bytes) => server.verifyMic(message, bytes));
}, 120_000);
