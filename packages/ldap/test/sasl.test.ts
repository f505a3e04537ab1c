import { concatBytes, emptyBytes, utf8 } from "@waybill/base";
import { createAcceptor, createInitiator, GssFlags, type SecurityContext } from "@waybill/kerberos";
import { afterEach, describe, expect, test } from "vitest";
import { establish, Service } from "../../kerberos/test/gss/fixture.ts";
import {
  acceptKerberos,
  kerberosBind,
  type LdapBackend,
  LdapClient,
  LdapServer,
  type SaslBindOptions,
} from "../src/index.ts";
import { decodeLayerOffer, encodeLayerOffer } from "../src/sasl/mechanism.ts";
import { SaslAcceptor } from "../src/sasl/sasl-acceptor.ts";
import { SaslInitiator } from "../src/sasl/sasl-initiator.ts";
import { SaslLayer } from "../src/sasl/sasl-layer.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";

function contexts(): { client: SecurityContext; server: SecurityContext } {
  const service = new Service();
  const { clock, keytab, replayCache } = service;
  const { client, server } = establish(
    createInitiator({ credential: service.ticket(), clock }),
    createAcceptor({ keytab, replayCache, clock }),
  );
  return { client: client!, server: server! };
}

const limits = { maxSend: 65_536, maxReceive: 65_536 };

describe("security layer (RFC 4422 section 3.7)", () => {
  test("buffers respect the peer's size and come out as one stream, however they are cut", () => {
    const { client, server } = contexts();
    const sender = new SaslLayer(client, { confidential: true, maxSend: 1000, maxReceive: 1000 });
    const receiver = new SaslLayer(server, { confidential: true, maxSend: 1000, maxReceive: 1000 });
    const message = crypto.getRandomValues(new Uint8Array(10_000));
    const wire = sender.protect(message);
    const received: Uint8Array[] = [];
    for (let at = 0; at < wire.length; at += 77)
      received.push(...receiver.receive(wire.subarray(at, at + 77)));
    expect(concatBytes(...received)).toEqual(message);
    for (let at = 0; at < wire.length; ) {
      const size = new DataView(wire.buffer, wire.byteOffset + at).getUint32(0);
      expect(size).toBeLessThanOrEqual(1000);
      at += 4 + size;
    }
    expect(Buffer.from(wire).includes(Buffer.from(message.subarray(0, 16)))).toBe(false);
  });

  test("changed, repeated, oversized and unsealed buffers are refused", () => {
    const failed = expect.objectContaining({ code: "LDAP_SASL_FAILED" });
    const { client, server } = contexts();
    const sealed = { confidential: true, ...limits };
    const sender = new SaslLayer(client, sealed);
    const receiver = new SaslLayer(server, sealed);
    const good = sender.protect(utf8("one"));
    receiver.receive(good);
    expect(() => receiver.receive(good)).toThrow(failed);
    const changed = sender.protect(utf8("two"));
    changed[changed.length - 1]! ^= 1;
    expect(() => receiver.receive(changed)).toThrow(failed);
    const signer = new SaslLayer(client, { confidential: false, ...limits });
    expect(() => new SaslLayer(server, sealed).receive(signer.protect(utf8("three")))).toThrow(failed);
    expect(() => receiver.receive(Uint8Array.of(0, 0xff, 0xff, 0xff))).toThrow(
      expect.objectContaining({ code: "LDAP_MESSAGE_TOO_BIG" }),
    );
  });
});

describe("GSSAPI's negotiation (RFC 4752 section 3)", () => {
  function sides(protection: "none" | "integrity" | "confidential", insideTls = false, flags?: number) {
    const service = new Service();
    const { clock, keytab, replayCache } = service;
    const initiator = createInitiator({ credential: service.ticket(), clock, mechanism: "krb5", flags });
    const acceptor = createAcceptor({ keytab, replayCache, clock, mechanism: "krb5" });
    return {
      client: new SaslInitiator("GSSAPI", initiator, protection),
      server: new SaslAcceptor("GSSAPI", acceptor, { insideTls, requireSigning: true }),
    };
  }

  test("octets of an offer: layers, three octets of size, identity", () => {
    const offer = { layers: 6, maxBuffer: 0x10000, authzId: utf8("x") };
    expect([...encodeLayerOffer(offer)]).toEqual([6, 1, 0, 0, 0x78]);
    expect(decodeLayerOffer(encodeLayerOffer(offer))).toEqual(offer);
    expect(() => decodeLayerOffer(Uint8Array.of(1, 2, 3))).toThrow("too short");
  });

  test("four legs, with an empty answer to the last context token", async () => {
    const { client, server } = sides("confidential");
    const first = await server.step(await client.step(undefined));
    const empty = await client.step(first.reply);
    expect(empty).toEqual(emptyBytes);
    const offer = await server.step(empty);
    const done = await server.step(await client.step(offer.reply));
    expect(done).toMatchObject({
      done: true,
      layer: { confidential: true },
      context: { peerName: "alice@LAB.TEST" },
    });
    const layer = await client.finish(undefined);
    const message = utf8("hello");
    expect(done.done && done.layer?.receive(layer!.protect(message))).toEqual([message]);
  });

  test("a protection that was not offered is not chosen", async () => {
    const { client, server } = sides("none");
    const first = await server.step(await client.step(undefined));
    const offer = await server.step(await client.step(first.reply));
    await expect(client.step(offer.reply)).rejects.toMatchObject({ code: "LDAP_SASL_FAILED" });
    const inside = sides("confidential", true);
    const answer = await inside.server.step(await inside.client.step(undefined));
    const none = await inside.server.step(await inside.client.step(answer.reply));
    await expect(inside.client.step(none.reply)).rejects.toMatchObject({ code: "LDAP_SASL_FAILED" });
  });

  test("a context that can seal but was not asked to is not used for sealing", async () => {
    const flags = GssFlags.mutual | GssFlags.integrity | GssFlags.sequence;
    const { client, server } = sides("confidential", false, flags);
    const first = await server.step(await client.step(undefined));
    const offer = await server.step(await client.step(first.reply));
    await expect(client.step(offer.reply)).rejects.toMatchObject({ code: "LDAP_SASL_FAILED" });
  });

  test("a server that says success too early is not believed", async () => {
    const { client } = sides("integrity");
    await client.step(undefined);
    await expect(client.finish(undefined)).rejects.toThrow();
  });
});

describe("client and server", () => {
  let server: LdapServer<{ name: string }, SecurityContext>;
  let client: LdapClient | undefined;

  afterEach(async () => {
    client?.close();
    await server.stop(50);
  });

  async function connected(): Promise<Pick<SaslBindOptions, "mechanism" | "begin">> {
    const service = new Service();
    const { clock, keytab, replayCache } = service;
    const backend: LdapBackend<{ name: string }, SecurityContext> = new MemoryBackend();
    server = new LdapServer({ backend, accept: acceptKerberos({ keytab, replayCache, clock }) });
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    client = await LdapClient.connect({ url: `ldap://127.0.0.1:${port}`, timeout: 20_000 });
    return {
      mechanism: "GSS-SPNEGO",
      begin: ({ integrity, confidentiality }) => {
        const flags =
          GssFlags.mutual |
          GssFlags.sequence |
          (integrity ? GssFlags.integrity : 0) |
          (confidentiality ? GssFlags.confidentiality : 0);
        return createInitiator({ credential: service.ticket(), clock, flags });
      },
    };
  }

  test("the session the backend sees is protected after the bind, and a password may then go over it", async () => {
    const bind = await connected();
    await client!.bindSasl(bind);
    expect(await client!.whoAmI()).toBe("u:alice@LAB.TEST");
    expect((await client!.search({ base, pageSize: 1 }).all()).length).toBe(2);
    // Bound with sign or seal, a connection keeps its identity for good.
    await expect(client!.bindSimple("alice@lab.test", "Secret.1")).rejects.toMatchObject({
      resultName: "unwillingToPerform",
    });
  });

  test("a ticket for another service is refused without a reason to the client, with one in the log", async () => {
    await connected();
    const other = new Service();
    const foreign = kerberosBind({ getTicket: () => Promise.resolve(other.ticket()) });
    await expect(client!.bindSasl(foreign)).rejects.toMatchObject({
      code: expect.stringMatching(/^(KRB_AP|LDAP)_/),
    });
    expect(await client!.whoAmI()).toBe("");
  });

  test("mechanisms that are not there are refused by name", async () => {
    const bind = await connected();
    const unknown = { ...bind, mechanism: "DIGEST-MD5" as "GSSAPI" };
    await expect(client!.bindSasl(unknown)).rejects.toMatchObject({ resultName: "authMethodNotSupported" });
  });
});
