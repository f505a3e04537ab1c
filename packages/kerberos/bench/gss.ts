import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createInitiator,
  GssFlags,
  KerberosClient,
  NetworkTransport,
  parsePrincipal,
  replaceTicketPac,
  type SecurityContext,
  signTicketPac,
  staticLocator,
  verifyPac,
} from "../src/index.ts";
import { extractTicketPac } from "../src/pac/index.ts";
import { establish, Service } from "../test/gss/fixture.ts";
import { GssapiPeer } from "../test/gss/gssapi-peer.ts";
import { sambaTicket } from "../test/pac/samba-tickets.ts";
import { MitRealm } from "../test/support/mit-realm.ts";

/** Microseconds per call: this package's and, where it does the same, libgssapi_krb5's on the same context. */
export interface GssBenchRow {
  readonly operation: string;
  readonly ours: number;
  readonly libkrb5: number | undefined;
}

const sizes = [1_000, 64_000, 1_000_000];

/** Message protection beside MIT's library on one context, PAC work and whole contexts. Starts an MIT realm. */
export async function benchGss(): Promise<readonly GssBenchRow[]> {
  return [...(await protection()), ...(await pacWork()), ...(await contexts())];
}

async function protection(): Promise<GssBenchRow[]> {
  const service = "HTTP/www.mit.test";
  const realm = await MitRealm.start({
    principals: [{ name: "alice", password: "alice-pw" }, { name: service }],
  });
  const peer = new GssapiPeer({
    ...realm.env,
    KRB5CCNAME: join(realm.directory, "cc"),
    KRB5RCACHETYPE: "none",
  });
  try {
    const locator = staticLocator({ "MIT.TEST": { kdc: [realm.address] } });
    const client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
    const tgt = await client.login({ principal: parsePrincipal("alice@MIT.TEST"), password: "alice-pw" });
    const credential = await client.getTicket({ tgt, server: parsePrincipal(`${service}@MIT.TEST`) });
    // Without replay and sequence detection, so that one token can be opened again and again.
    const flags = GssFlags.mutual | GssFlags.integrity | GssFlags.confidentiality;
    const initiator = createInitiator({ credential, mechanism: "krb5", flags });
    await peer.accept(await realm.exportKeytab(service));
    initiator.step((await peer.step(initiator.step().token)).token);
    const { context } = initiator;
    if (context === undefined) throw new Error("no context");
    const rows: GssBenchRow[] = [];
    for (const size of sizes) rows.push(...(await compare(context, peer, size)));
    return rows;
  } finally {
    peer.stop();
    await realm.stop();
  }
}

async function compare(context: SecurityContext, peer: GssapiPeer, size: number): Promise<GssBenchRow[]> {
  const calls = Math.ceil(20_000_000 / (size + 20_000) / turns);
  const message = new Uint8Array(size);
  const rows: GssBenchRow[] = [];
  for (const confidential of [true, false]) {
    const kind = confidential ? "sealed" : "signed";
    const theirs = await peer.wrap(message, confidential);
    const mine = Array.from({ length: Math.min(calls, 20) }, () => context.wrap(message, confidential));
    rows.push(
      await inTurn(
        `wrap ${size} octets, ${kind}`,
        () => perCall(calls, () => context.wrap(message, confidential)),
        () => peer.timeWrap(size, calls, confidential),
      ),
      await inTurn(
        `unwrap ${size} octets, ${kind}`,
        () => perCall(calls, () => context.unwrap(theirs)),
        () => peer.timeUnwrap(mine),
      ),
    );
  }
  return rows;
}

/** Medians of turns taken one after the other: a busy moment of the machine meets both. The first turn warms up. */
async function inTurn(
  operation: string,
  ours: () => number,
  libkrb5?: () => Promise<number>,
): Promise<GssBenchRow> {
  const [own, theirs]: [number[], number[]] = [[], []];
  for (let turn = 0; turn <= turns; turn++) {
    const samples = [ours(), await libkrb5?.()] as const;
    if (turn === 0) continue;
    own.push(samples[0]);
    if (samples[1] !== undefined) theirs.push(samples[1]);
  }
  return { operation, ours: median(own) ?? 0, libkrb5: median(theirs) };
}

const turns = 9;

function median(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[values.length >> 1];
}

async function pacWork(): Promise<GssBenchRow[]> {
  const { encTicketPart, serverKey, kdcKey } = sambaTicket("S4U2Proxy");
  const blank = replaceTicketPac(encTicketPart);
  const bytes = extractTicketPac(encTicketPart) ?? blank;
  const verify = () =>
    verifyPac(bytes, { serverKey, kdcKey, encTicketPart: blank, requireFullSignature: true });
  const pac = verify();
  const delegationInfo = { proxyTarget: "cifs/kvm02.lab.test", transitedServices: ["KVM01$@LAB.TEST"] };
  const sign = () => signTicketPac(blank, pac.with({ delegationInfo }), { serverKey, kdcKey, service: true });
  return [
    await inTurn("verify a PAC's four signatures", () => perCall(500, verify)),
    await inTurn("change a PAC and sign it anew", () => perCall(500, sign)),
  ];
}

async function contexts(): Promise<GssBenchRow[]> {
  const service = new Service();
  const credential = service.ticket();
  const both = () => establish(service.initiator({ credential }), service.acceptor());
  return [await inTurn("a mutual SPNEGO context, both sides", () => perCall(100, both))];
}

function perCall(rounds: number, call: () => unknown): number {
  const start = performance.now();
  for (let round = 0; round < rounds; round++) call();
  return ((performance.now() - start) / rounds) * 1000;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const shown = (value: number | undefined): string =>
    (value === undefined ? "–" : value.toFixed(1)).padStart(10);
  process.stdout.write(`${"µs per call".padEnd(40)}${"ours".padStart(10)}${"libkrb5".padStart(10)}\n`);
  for (const row of await benchGss()) {
    process.stdout.write(`${row.operation.padEnd(40)}${shown(row.ours)}${shown(row.libkrb5)}\n`);
  }
}
