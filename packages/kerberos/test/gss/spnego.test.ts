import { capture } from "@waybill/asn1";
import { concatBytes, utf8 } from "@waybill/base";
import { describe, expect, test } from "vitest";
import { GssFlags, MechanismOid } from "../../src/gss/index.ts";
import { Krb5Initiator } from "../../src/gss/krb5-initiator.ts";
import {
  decodeNegotiation,
  encodeInit,
  encodeResponse,
  MechTypeList,
  NegState,
} from "../../src/gss/spnego-messages.ts";
import { unframeToken } from "../../src/gss/token-frame.ts";
import { establish, Service } from "./fixture.ts";

const failing = (code: string) => expect.objectContaining({ code });
const { krb5, microsoftKrb5, ntlm, negoEx } = MechanismOid;

/** A client that offers whatever it is told and does MICs when asked. */
class Offering {
  readonly #list;
  readonly #inner: Krb5Initiator;
  readonly #optimistic: boolean;
  #first = true;
  #context: ReturnType<Krb5Initiator["step"]>["context"];

  constructor(service: Service, mechanisms: string[], optimistic: boolean) {
    this.#list = capture(MechTypeList, mechanisms);
    this.#inner = new Krb5Initiator({ credential: service.ticket(), clock: service.clock });
    this.#optimistic = optimistic;
  }

  step(token?: Uint8Array): ReturnType<Krb5Initiator["step"]> {
    if (this.#first) {
      this.#first = false;
      const mechToken = this.#optimistic ? this.#inner.step().token : utf8("NTLMSSP\0junk");
      return { token: encodeInit({ mechTypes: this.#list, mechToken }), done: false };
    }
    const { value } = decodeNegotiation(token!);
    if (!("negState" in value)) throw new Error("no response");
    if (value.responseToken !== undefined) this.#context = this.#inner.step(value.responseToken).context;
    else if (this.#context === undefined) {
      return { token: encodeResponse({ responseToken: this.#inner.step().token }), done: false };
    }
    if (value.mechListMic !== undefined) this.#context!.verifyMic(this.#list.bytes, value.mechListMic);
    if (value.negState === NegState.acceptCompleted) return { done: true, context: this.#context };
    return {
      token: encodeResponse({ mechListMic: this.#context!.getMic(this.#list.bytes) }),
      done: true,
      context: this.#context,
    };
  }
}

describe("RFC 4178", () => {
  test("the first choice is taken at once, without MICs: two tokens", () => {
    const service = new Service();
    const { tokens } = establish(service.initiator(), service.acceptor());
    expect(tokens.length).toBe(2);
    const answer = decodeNegotiation(tokens[1]!).value;
    expect(answer).toMatchObject({ negState: NegState.acceptCompleted, supportedMech: krb5 });
    expect(unframeToken(tokens[0]!).mechanism).toBe(MechanismOid.spnego);
  });

  test("without mutual authentication the acceptor still confirms", () => {
    const service = new Service();
    const { tokens } = establish(service.initiator({ flags: GssFlags.integrity }), service.acceptor());
    expect(decodeNegotiation(tokens[1]!).value).toMatchObject({ negState: NegState.acceptCompleted });
  });

  test("Windows offers its own OID first and hears it back", () => {
    const service = new Service();
    const { tokens, client, server } = establish(
      new Offering(service, [microsoftKrb5, krb5, negoEx, ntlm], true),
      service.acceptor(),
    );
    expect(decodeNegotiation(tokens[1]!).value).toMatchObject({ supportedMech: microsoftKrb5 });
    expect(server.unwrap(client.wrap(utf8("x"))).message).toEqual(utf8("x"));
  });

  test("5: Kerberos as second choice takes a round more, and MICs over the offer both ways", () => {
    const service = new Service();
    const { client, server, tokens } = establish(
      new Offering(service, [ntlm, krb5], false),
      service.acceptor(),
    );
    expect(tokens.length).toBe(5);
    expect(decodeNegotiation(tokens[1]!).value).toMatchObject({
      negState: NegState.requestMic,
      supportedMech: krb5,
    });
    expect(server.unwrap(client.wrap(utf8("x"))).message).toEqual(utf8("x"));
  });

  test("5: a changed offer is noticed", () => {
    const service = new Service();
    const offering = new Offering(service, [negoEx, ntlm, krb5], false);
    const strip = {
      step(token?: Uint8Array) {
        const result = offering.step(token);
        if (token !== undefined) return result;
        return { ...result, token: encodeInit({ mechTypes: capture(MechTypeList, [ntlm, krb5]) }) };
      },
    };
    expect(() => establish(strip, service.acceptor())).toThrow(failing("GSS_BAD_MIC"));
  });

  test("5: leaving out the MIC is no way around it", () => {
    const service = new Service();
    const acceptor = service.acceptor();
    const offering = new Offering(service, [ntlm, krb5], false);
    const second = acceptor.step(offering.step().token);
    const third = offering.step(second.token);
    const fourth = acceptor.step(third.token);
    expect(fourth.done).toBe(false);
    expect(() => acceptor.step(encodeResponse({ negState: NegState.acceptCompleted }))).toThrow(
      failing("SPNEGO_MIC_MISSING"),
    );
  });

  test("NTLM alone is refused by name, in SPNEGO and bare", () => {
    const service = new Service();
    const init = encodeInit({ mechTypes: capture(MechTypeList, [ntlm]), mechToken: utf8("NTLMSSP\0") });
    try {
      service.acceptor().step(init);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "SPNEGO_NTLM_REFUSED", remedy: expect.any(String) });
      const { token } = error as { token: Uint8Array };
      expect(decodeNegotiation(token).value).toMatchObject({ negState: NegState.reject });
    }
    const bare = concatBytes(utf8("NTLMSSP\0"), new Uint8Array(32));
    expect(() => service.acceptor().step(bare)).toThrow(failing("SPNEGO_NTLM_REFUSED"));
  });

  test("other mechanisms alone", () => {
    const service = new Service();
    const init = encodeInit({ mechTypes: capture(MechTypeList, [negoEx, "1.2.3.4"]) });
    expect(() => service.acceptor().step(init)).toThrow(failing("SPNEGO_NO_COMMON_MECHANISM"));
    expect(() => service.acceptor().step(encodeInit({ mechTypes: capture(MechTypeList, []) }))).toThrow(
      failing("SPNEGO_NO_COMMON_MECHANISM"),
    );
  });

  test("a bare Kerberos token is answered in kind; restricted to krb5, SPNEGO is refused", () => {
    const service = new Service();
    const { tokens } = establish(service.initiator({ mechanism: "krb5" }), service.acceptor());
    expect(unframeToken(tokens[1]!).mechanism).toBe(krb5);
    const acceptor = service.acceptor({ mechanism: "krb5" });
    expect(() => acceptor.step(service.initiator().step().token)).toThrow(failing("GSS_BAD_MECHANISM"));
  });

  test("the initiator refuses NTLM, rejections and unproven completion", () => {
    const service = new Service();
    const answered = (response: Parameters<typeof encodeResponse>[0]) => {
      const initiator = service.initiator();
      initiator.step();
      return () => initiator.step(encodeResponse(response));
    };
    expect(answered({ negState: NegState.acceptIncomplete, supportedMech: ntlm })).toThrow(
      failing("SPNEGO_NTLM_REFUSED"),
    );
    expect(answered({ negState: NegState.reject })).toThrow(failing("SPNEGO_REJECTED"));
    expect(answered({ negState: NegState.acceptCompleted, supportedMech: krb5 })).toThrow(
      failing("KRB_AP_ERR_MUT_FAIL"),
    );
    expect(answered({ negState: NegState.acceptIncomplete, supportedMech: krb5 })).toThrow(
      failing("GSS_DEFECTIVE_TOKEN"),
    );
  });

  test("a Kerberos refusal arrives through SPNEGO", () => {
    const service = new Service();
    const initiator = service.initiator();
    const { token } = initiator.step();
    let reply: Uint8Array | undefined;
    try {
      service.acceptor({ keytab: { entries: [] } }).step(token);
    } catch (error) {
      reply = (error as { token: Uint8Array }).token;
    }
    expect(() => initiator.step(reply)).toThrow(failing("KRB_AP_ERR_NOKEY"));
  });
});
