import { VirtualClock } from "@waybill/base";
import { describe, expect, test } from "vitest";
import {
  type Credential,
  ErrorCode,
  KerbErrorData,
  KerberosClient,
  type KerberosError,
  KrbError,
  NtStatus,
  parsePrincipal,
} from "../../src/index.ts";
import { inMemory, TinyKdc } from "../support/tiny-kdc.ts";

const clock = new VirtualClock();
const target = parsePrincipal("Microsoft Virtual System Migration Service/kvm02@LAB.TEST");

/** A refusal as Windows sends it: the NTSTATUS, zero and a flag, little-endian, inside KERB-ERROR-DATA. */
function refusal(code: keyof typeof ErrorCode, ntStatus?: number): Uint8Array {
  const dataValue = new Uint8Array(12);
  new DataView(dataValue.buffer).setUint32(0, ntStatus ?? 0, true);
  dataValue[8] = 1;
  return KrbError.encode({
    pvno: 5,
    msgType: 30,
    stime: clock.now(),
    susec: 0,
    errorCode: ErrorCode[code],
    realm: "LAB.TEST",
    sname: { nameType: 2, nameString: ["krbtgt", "LAB.TEST"] },
    eData: ntStatus === undefined ? undefined : KerbErrorData.encode({ dataType: 3, dataValue }),
  });
}

interface Scene {
  readonly code: keyof typeof ErrorCode;
  readonly ntStatus?: number;
  readonly evidence?: "own" | "own, not forwardable" | "S4U2Self" | "S4U2Self, not forwardable";
}

async function refused({ code, ntStatus, evidence: kind = "own" }: Scene): Promise<KerberosError> {
  const kdc = new TinyKdc("LAB.TEST", clock);
  kdc.accounts.set("alice", "pw").set("KVM01$", "pw");
  const client = new KerberosClient({ transport: inMemory(kdc), clock });
  const login = (name: string) =>
    client.login({ principal: parsePrincipal(`${name}@LAB.TEST`), password: "pw" });
  const tgt = await login("KVM01$");
  const user = parsePrincipal("alice@LAB.TEST");
  const forwardable = !kind.endsWith("not forwardable");
  const evidence: Credential = kind.startsWith("S4U2Self")
    ? await client.s4u2self({ tgt, user, forwardable })
    : await client.getTicket({ tgt: await login("alice"), server: tgt.client, forwardable });
  kdc.handle = () => refusal(code, ntStatus);
  return await client.s4u2proxy({ tgt, evidence, target }).then(
    () => expect.unreachable(),
    (error: KerberosError) => error,
  );
}

describe("why constrained delegation was refused", () => {
  test.each<[string, Scene, RegExp]>([
    [
      "S4U2Self under Kerberos only",
      { code: "KDC_ERR_BADOPTION", evidence: "S4U2Self, not forwardable" },
      /using Kerberos only/,
    ],
    [
      "the user's ticket not forwardable",
      { code: "KDC_ERR_BADOPTION", evidence: "own, not forwardable" },
      /came with a ticket-granting ticket that was not/,
    ],
    [
      "good evidence",
      { code: "KDC_ERR_BADOPTION" },
      /msDS-AllowedToDelegateTo of KVM01\$@LAB.TEST does not hold "Microsoft Virtual/,
    ],
    [
      "no resource-based grant",
      { code: "KDC_ERR_BADOPTION", ntStatus: NtStatus.STATUS_NOT_FOUND },
      /msDS-AllowedToActOnBehalfOfOtherIdentity/,
    ],
    [
      "restricted account",
      { code: "KDC_ERR_BADOPTION", ntStatus: NtStatus.STATUS_ACCOUNT_RESTRICTION },
      /sensitive and cannot be delegated/,
    ],
    ["changed evidence", { code: "KRB_AP_ERR_MODIFIED" }, /not a name of KVM01\$/],
    [
      "unknown target",
      { code: "KDC_ERR_S_PRINCIPAL_UNKNOWN" },
      /No account has the service principal name Microsoft/,
    ],
    ["disabled user", { code: "KDC_ERR_POLICY" }, /alice@LAB.TEST is disabled/],
    ["expired password", { code: "KDC_ERR_KEY_EXPIRED" }, /must change the password/],
  ])("%s", async (_name, scene, cause) => {
    const error = await refused(scene);
    expect(error.code).toBe(scene.code);
    expect(error.ntStatus).toBe(scene.ntStatus);
    expect(error.explanation?.causes[0]?.cause).toMatch(cause);
    expect(error.remedy).toBe(error.explanation?.causes[0]?.remedy);
  });

  test("what is known is said: who, whose evidence, its flags, what was asked", async () => {
    const error = await refused({ code: "KDC_ERR_BADOPTION", evidence: "S4U2Self, not forwardable" });
    expect(error.explanation?.known).toEqual([
      "KVM01$@LAB.TEST asked for a ticket to Microsoft Virtual System Migration Service/kvm02@LAB.TEST in the name of alice@LAB.TEST.",
      "The evidence is a ticket the service got by S4U2Self, without the user: alice@LAB.TEST to KVM01$@LAB.TEST.",
      "The evidence is not forwardable.",
      "The ticket-granting ticket of KVM01$@LAB.TEST is forwardable.",
    ]);
  });

  test("the error as JSON has everything a program needs and no ticket", async () => {
    const ntStatus = NtStatus.STATUS_NOT_SUPPORTED;
    const json = JSON.parse(JSON.stringify(await refused({ code: "KDC_ERR_BADOPTION", ntStatus })));
    expect(Object.keys(json).sort()).toEqual(["code", "explanation", "message", "ntStatus", "remedy"]);
    expect(json.ntStatus).toBe("0xc00000bb");
    expect(json.message).toContain("STATUS_NOT_SUPPORTED");
  });
});
