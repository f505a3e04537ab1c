import { connect } from "node:net";
import { Asn1Error } from "@waybill/asn1";
import { fromUtf8, utf8 } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mutate, seeded } from "../../kerberos/test/support/mutations.ts";
import { storm, stormRounds, stormTimeout } from "../../kerberos/test/support/storm.ts";
import { LdapClient, LdapError, LdapServer, LdapSyntaxError, parseDn, parseFilter } from "../src/index.ts";
import { decodeMessage, encodeMessage, type ProtocolOp } from "../src/messages/ldap-message.ts";
import { readControls } from "../src/server/request-context.ts";
import { makeCertificate, type TestCertificate } from "./support/certificate.ts";
import { base, MemoryBackend } from "./support/memory-backend.ts";

const controls = [
  {
    controlType: "1.2.840.113556.1.4.319",
    criticality: true,
    controlValue: Uint8Array.of(0x30, 5, 2, 1, 9, 4, 0),
  },
  {
    controlType: "1.2.840.113556.1.4.473",
    criticality: true,
    controlValue: Uint8Array.of(0x30, 6, 0x30, 4, 4, 2, 99, 110),
  },
  { controlType: "1.3.6.1.1.12", criticality: true, controlValue: Uint8Array.of(0x87, 2, 99, 110) },
];
const filter = parseFilter("(&(|(cn=a*b*c)(!(sn>=x)))(uac:1.2.840.113556.1.4.803:=2)(dn:dn:=z))");
const requests: ProtocolOp[] = [
  {
    kind: "bindRequest",
    value: {
      version: 3,
      name: "alice@lab.test",
      authentication: { kind: "simple", value: utf8("Secret.1") },
    },
  },
  {
    kind: "bindRequest",
    value: {
      version: 3,
      name: "",
      authentication: { kind: "sasl", value: { mechanism: "GSSAPI", credentials: utf8("token") } },
    },
  },
  {
    kind: "searchRequest",
    value: {
      baseObject: base,
      scope: 2,
      derefAliases: 0,
      sizeLimit: 5,
      timeLimit: 1,
      typesOnly: false,
      filter,
      attributes: ["cn", "*"],
    },
  },
  {
    kind: "modifyRequest",
    value: { object: base, changes: [{ operation: 2, modification: { type: "cn", vals: [utf8("x")] } }] },
  },
  { kind: "addRequest", value: { entry: `CN=x,${base}`, attributes: [{ type: "cn", vals: [utf8("x")] }] } },
  { kind: "delRequest", value: `CN=x,${base}` },
  { kind: "modDNRequest", value: { entry: base, newrdn: "CN=y", deleteoldrdn: true, newSuperior: base } },
  { kind: "compareRequest", value: { entry: base, ava: { attributeDesc: "cn", assertionValue: utf8("x") } } },
  { kind: "abandonRequest", value: 1 },
  { kind: "extendedReq", value: { requestName: "1.3.6.1.4.1.4203.1.11.3" } },
];
const encoded = requests.map((protocolOp, index) =>
  encodeMessage({ messageID: index + 1, protocolOp, controls }),
);

describe("mutated input gives a value or a named error, nothing else", () => {
  test("mutated messages and controls", { timeout: stormTimeout }, () => {
    storm(encoded, (bytes) => {
      try {
        readControls(decodeMessage(bytes).controls);
      } catch (error) {
        if (error instanceof Asn1Error || error instanceof LdapError) throw error;
        throw new Error("neither an Asn1Error nor an LdapError", { cause: error });
      }
    });
  });

  test.each([
    ["filters", "(&(|(cn=a*b\\2a*)(!(sn>=x)))(uac:1.2.840.113556.1.4.803:=2)(:dn:2.5.13.2:=z))", parseFilter],
    ["names", 'CN="a, b"+OU=x\\2C y,OU=\\C4\\8D, OID.2.5.4.3=#0402aabb;DC=lab', parseDn],
  ] as const)("mutated %s", { timeout: stormTimeout }, (_name, text, parse) => {
    storm([utf8(text)], (bytes) => {
      try {
        parse(fromUtf8(bytes));
      } catch (error) {
        if (error instanceof LdapSyntaxError) throw error;
        throw new Error("not an LdapSyntaxError", { cause: error });
      }
    });
  });
});

describe("mutated traffic", () => {
  let certificate: TestCertificate;
  let server: LdapServer<{ name: string }>;
  let port: number;
  const internal: unknown[] = [];

  beforeAll(async () => {
    certificate = makeCertificate();
    const note = (event: string, facts: unknown): void => {
      internal.push([event, facts]);
    };
    const logger = { debug: () => {}, info: () => {}, warn: note, error: note };
    server = new LdapServer({ backend: new MemoryBackend(), logger, tls: certificate });
    port = await server.listen({ host: "127.0.0.1", port: 0 });
    await server.listen({ path: `${certificate.directory}/ldapi` });
  });

  afterAll(async () => {
    await server.stop(50);
    certificate.remove();
  });

  test("mutated requests leave the server serving, without internal errors or connections left over", {
    timeout: stormTimeout,
  }, async () => {
    const next = seeded(3);
    for (let i = 0; i < Math.min(stormRounds / 20, 20_000); i++) {
      // Through the Unix socket the bind at the front succeeds, so that what follows reaches the backend.
      const socket = connect({ path: `${certificate.directory}/ldapi` });
      socket.on("error", () => {});
      socket.resume();
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.write(encoded[0]!);
      for (let j = 0; j < 3; j++) socket.write(mutate(encoded[next() % encoded.length]!, next));
      socket.end();
      await closed;
    }
    await expect.poll(() => server.connections).toBe(0);
    expect(internal).toEqual([]);
    const client = await LdapClient.connect({ url: `ldap://127.0.0.1:${port}`, timeout: 20_000 });
    expect((await client.rootDse()).text("defaultNamingContext")).toBe(base);
    client.close();
  });
});
