import { AsnConvert, AsnProp, AsnPropTypes, AsnType, AsnTypeTypes, OctetString } from "@peculiar/asn1-schema";
import { EncType, MsgType, NameType, TgsRep } from "@waybill/kerberos";
import * as asn1js from "asn1js";
import { type BenchTable, microsecondsPerCall } from "./table.ts";

/** Decode and encode one TGS-REP of a usual size, beside the two best-known ASN.1 libraries for JavaScript. */
export async function run(): Promise<BenchTable> {
  const bytes = TgsRep.encode(sampleReply());
  const value = TgsRep.decode(bytes);
  // asn1-schema has no APPLICATION tags: it gets the same message with context tags in their place.
  const retagged = withContextTags(bytes);
  const parsed = AsnConvert.parse(retagged, OuterReply);
  const schema = replySchema();
  const tree = verifiedTree(bytes, schema);
  expectSame(new Uint8Array(AsnConvert.serialize(parsed)), retagged);
  expectSame(new Uint8Array(tree.toBER()), bytes);
  expectSame(TgsRep.encode(value), bytes);

  const times = microsecondsPerCall({
    oursDecode: () => TgsRep.decode(bytes),
    oursEncode: () => TgsRep.encode(value),
    oursBoth: () => TgsRep.encode(TgsRep.decode(bytes)),
    asn1jsDecode: () => verifiedTree(bytes, schema),
    asn1jsEncode: () => tree.toBER(),
    asn1jsBoth: () => verifiedTree(bytes, schema).toBER(),
    peculiarDecode: () => AsnConvert.parse(retagged, OuterReply),
    peculiarEncode: () => AsnConvert.serialize(parsed),
    peculiarBoth: () => AsnConvert.serialize(AsnConvert.parse(retagged, OuterReply)),
  });
  const row = (name: string, kind: string) => ({
    name,
    values: ["ours", "asn1js", "peculiar"].map((library) => times.get(`${library}${kind}`)),
  });
  return {
    title: `ASN.1: a TGS-REP of ${bytes.length} octets`,
    unit: "µs",
    columns: ["@waybill/asn1", "asn1js", "@peculiar/asn1-schema"],
    rows: [row("decode", "Decode"), row("encode", "Encode"), row("decode and encode", "Both")],
    note: "asn1js writes back the tree it parsed; the other two work on typed objects.",
  };
}

function sampleReply(): Parameters<typeof TgsRep.encode>[0] {
  const filled = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 31) & 0xff);
  const etype = EncType.aes256CtsHmacSha1;
  return {
    pvno: 5,
    msgType: MsgType.tgsRep,
    crealm: "LAB.TEST",
    cname: { nameType: NameType.principal, nameString: ["alice"] },
    ticket: {
      tktVno: 5,
      realm: "LAB.TEST",
      sname: {
        nameType: NameType.srvInst,
        nameString: ["Microsoft Virtual System Migration Service", "kvm02.lab.test"],
      },
      encPart: { etype, kvno: 2, cipher: filled(1160) },
    },
    encPart: { etype, cipher: filled(330) },
  };
}

function expectSame(got: Uint8Array, wanted: Uint8Array): void {
  if (Buffer.compare(got, wanted) !== 0) throw new Error("the libraries disagree about the encoding");
}

/** APPLICATION 13 and APPLICATION 1 become [13] and [1]: same length, same structure. */
function withContextTags(bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const ticket = Buffer.from(bytes).indexOf(Buffer.from([0x61, 0x82]), 4);
  for (const at of [0, ticket]) out[at] = ((out[at] ?? 0) & 0x1f) | 0xa0;
  return out;
}

// asn1-schema: its decorators, called as the functions they are.

class PeculiarName {
  nameType = 0;
  nameString: string[] = [];
}
const field = (type: AsnPropTypes, context: number) => ({ type, context });
AsnProp(field(AsnPropTypes.Integer, 0))(PeculiarName.prototype, "nameType");
AsnProp({ ...field(AsnPropTypes.GeneralString, 1), repeated: "sequence" })(
  PeculiarName.prototype,
  "nameString",
);

class PeculiarEncrypted {
  etype = 0;
  kvno?: number;
  cipher = new OctetString();
}
AsnProp(field(AsnPropTypes.Integer, 0))(PeculiarEncrypted.prototype, "etype");
AsnProp({ ...field(AsnPropTypes.Integer, 1), optional: true })(PeculiarEncrypted.prototype, "kvno");
AsnProp({ type: OctetString, context: 2 })(PeculiarEncrypted.prototype, "cipher");

class PeculiarTicket {
  tktVno = 0;
  realm = "";
  sname = new PeculiarName();
  encPart = new PeculiarEncrypted();
}
AsnProp(field(AsnPropTypes.Integer, 0))(PeculiarTicket.prototype, "tktVno");
AsnProp(field(AsnPropTypes.GeneralString, 1))(PeculiarTicket.prototype, "realm");
AsnProp({ type: PeculiarName, context: 2 })(PeculiarTicket.prototype, "sname");
AsnProp({ type: PeculiarEncrypted, context: 3 })(PeculiarTicket.prototype, "encPart");

class OuterTicket {
  ticket = new PeculiarTicket();
}
AsnType({ type: AsnTypeTypes.Choice })(OuterTicket);
AsnProp({ type: PeculiarTicket, context: 1 })(OuterTicket.prototype, "ticket");

class PeculiarReply {
  pvno = 0;
  msgType = 0;
  crealm = "";
  cname = new PeculiarName();
  ticket = new OuterTicket();
  encPart = new PeculiarEncrypted();
}
AsnProp(field(AsnPropTypes.Integer, 0))(PeculiarReply.prototype, "pvno");
AsnProp(field(AsnPropTypes.Integer, 1))(PeculiarReply.prototype, "msgType");
AsnProp(field(AsnPropTypes.GeneralString, 3))(PeculiarReply.prototype, "crealm");
AsnProp({ type: PeculiarName, context: 4 })(PeculiarReply.prototype, "cname");
AsnProp({ type: OuterTicket, context: 5 })(PeculiarReply.prototype, "ticket");
AsnProp({ type: PeculiarEncrypted, context: 6 })(PeculiarReply.prototype, "encPart");

class OuterReply {
  reply = new PeculiarReply();
}
AsnType({ type: AsnTypeTypes.Choice })(OuterReply);
AsnProp({ type: PeculiarReply, context: 13 })(OuterReply.prototype, "reply");

// asn1js: the same structure as a schema to compare with.

function verifiedTree(bytes: Uint8Array, schema: asn1js.Constructed): asn1js.AsnType {
  const { result, verified } = asn1js.verifySchema(bytes, schema);
  if (!verified) throw new Error("asn1js does not take the message for a TGS-REP");
  return result as asn1js.AsnType;
}

function replySchema(): asn1js.Constructed {
  const tagged = (tagClass: number, tagNumber: number, inner: object, optional = false): asn1js.Constructed =>
    new asn1js.Constructed({
      optional,
      idBlock: { tagClass, tagNumber },
      value: [inner as asn1js.BaseBlock],
    });
  const context = (number: number, inner: object, optional = false) => tagged(3, number, inner, optional);
  const application = (number: number, inner: object) => tagged(2, number, inner);
  const name = () =>
    new asn1js.Sequence({
      value: [
        context(0, new asn1js.Integer({ name: "" })),
        context(
          1,
          new asn1js.Sequence({ value: [new asn1js.Repeated({ value: new asn1js.GeneralString() })] }),
        ),
      ],
    });
  const encrypted = () =>
    new asn1js.Sequence({
      value: [
        context(0, new asn1js.Integer({ name: "" })),
        context(1, new asn1js.Integer({ name: "" }), true),
        context(2, new asn1js.OctetString({ name: "" })),
      ],
    });
  const ticket = new asn1js.Sequence({
    value: [
      context(0, new asn1js.Integer({ name: "" })),
      context(1, new asn1js.GeneralString()),
      context(2, name()),
      context(3, encrypted()),
    ],
  });
  return application(
    MsgType.tgsRep,
    new asn1js.Sequence({
      value: [
        context(0, new asn1js.Integer({ name: "" })),
        context(1, new asn1js.Integer({ name: "" })),
        context(3, new asn1js.GeneralString()),
        context(4, name()),
        context(5, application(1, ticket)),
        context(6, encrypted()),
      ],
    }),
  );
}
