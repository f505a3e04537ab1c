import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  type Credential,
  EncType,
  KerberosClient,
  NetworkTransport,
  parsePrincipal,
  readKeytab,
  staticLocator,
} from "../src/index.ts";
import { MitRealm } from "../test/support/mit-realm.ts";
import { run } from "../test/support/processes.ts";
import { s4uAccounts } from "../test/support/s4u-accounts.ts";
import { SambaDomain } from "../test/support/samba-domain.ts";

/** Milliseconds of one exchange (best median of several turns) on the same KDC; AS includes the round that asks for pre-authentication. */
export interface ClientBenchRow {
  readonly kdc: string;
  readonly exchange: string;
  readonly ours: number;
  /** MIT's library in one long-lived process. */
  readonly libkrb5: number | undefined;
  /** One `kvno` process that does S4U2Self and S4U2Proxy, its start included. */
  readonly kvno: number | undefined;
  /** One process of Impacket's getTGT.py: a login. Its requests for tickets bind no body, which Samba refuses. */
  readonly impacket: number | undefined;
}

interface Place {
  readonly kdc: string;
  readonly realm: string;
  readonly address: string;
  readonly directory: string;
  readonly krb5Conf: string;
  readonly keytab: string;
  readonly host: string;
  readonly target: string;
  readonly withProxy: boolean;
}

const rounds = 200;
const turns = 5;

/** AS, TGS, S4U2Self and S4U2Proxy beside MIT's library, against MIT's KDC and Samba AD. Starts both. */
export async function benchClient(): Promise<readonly ClientBenchRow[]> {
  const host = "host/kvm01";
  const mit = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-pw" },
      { name: host, attributes: "+requires_preauth +ok_to_auth_as_delegate" },
      { name: "cifs/kvm02" },
    ],
  });
  const samba = await SambaDomain.start({ seed: s4uAccounts("lab.test") });
  try {
    const { realm, address, directory, env } = mit;
    const krb5Conf = env.KRB5_CONFIG ?? "";
    const atMit = { kdc: "MIT krb5kdc", realm, address, directory, krb5Conf, host, target: "cifs/kvm02" };
    const atSamba = {
      kdc: "Samba AD",
      realm: samba.realm,
      address: samba.address,
      directory: samba.directory,
      krb5Conf: samba.krb5Conf,
      host: "KVM03$",
      target: "cifs/kvm02.lab.test",
    };
    return [
      ...(await compare({ ...atMit, keytab: await mit.exportKeytab(host), withProxy: false })),
      ...(await compare({ ...atSamba, keytab: await samba.exportKeytab("KVM03$"), withProxy: true })),
    ];
  } finally {
    await mit.stop();
    await samba.stop();
  }
}

async function compare(place: Place): Promise<ClientBenchRow[]> {
  // In turn, and the best turn of each counts: a busy machine slows both, but not in the same moment.
  const own = new Map<string, number>();
  const theirs = new Map<string, number>();
  for (let turn = 0; turn < turns; turn++) {
    keepLowest(own, await ours(place));
    keepLowest(theirs, await libkrb5(place));
  }
  const kvno = place.withProxy ? await kvnoProcess(place) : undefined;
  const impacket = place.withProxy ? await impacketProcess(place) : undefined;
  return [...own].map(([exchange, milliseconds]) => ({
    kdc: place.kdc,
    exchange,
    ours: milliseconds,
    libkrb5: theirs.get(exchange),
    kvno: exchange === "S4U2Proxy" ? kvno : undefined,
    impacket: exchange === "AS" ? impacket : undefined,
  }));
}

function keepLowest(best: Map<string, number>, turn: ReadonlyMap<string, number>): void {
  for (const [exchange, milliseconds] of turn) {
    best.set(exchange, Math.min(milliseconds, best.get(exchange) ?? Number.POSITIVE_INFINITY));
  }
}

async function ours(place: Place): Promise<Map<string, number>> {
  const { realm, address, host, target } = place;
  const principal = (name: string) => parsePrincipal(name, { defaultRealm: realm });
  const locator = staticLocator({ [realm]: { kdc: [address] } });
  const client = new KerberosClient({ transport: new NetworkTransport({ locator }) });
  const keytab = await readKeytab(place.keytab);
  const fresh = { fresh: true };
  const login = () => client.login({ principal: principal(host), keytab });
  const tgt = await login();
  const self = () => client.s4u2self({ tgt, user: principal("alice") }, fresh);
  const evidence = await self();
  const medians = new Map([
    ["AS", await median(login)],
    ["TGS", await median(() => client.getTicket({ tgt, server: principal(target) }, fresh))],
    ["S4U2Self", await median(self)],
  ]);
  const proxy = () => client.s4u2proxy({ tgt, evidence, target: principal(target) }, fresh);
  if (place.withProxy) medians.set("S4U2Proxy", await median(proxy));
  return medians;
}

async function median(exchange: () => Promise<Credential>): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await exchange();
    samples.push(performance.now() - start);
  }
  return samples.sort((left, right) => left - right)[rounds >> 1] ?? 0;
}

async function libkrb5({
  krb5Conf,
  keytab,
  host,
  target,
  directory,
  withProxy,
}: Place): Promise<Map<string, number>> {
  const program = join(directory, "libkrb5-client");
  await run("gcc", [
    "-O2",
    "-o",
    program,
    fileURLToPath(new URL("libkrb5-client.c", import.meta.url)),
    "-lkrb5",
  ]);
  const args = [keytab, host, target, "alice", String(rounds), ...(withProxy ? ["proxy"] : [])];
  const output = await run(program, args, { env: { KRB5_CONFIG: krb5Conf } });
  const lines = output.trim().split("\n");
  return new Map(lines.map((line) => line.split(" ")).map(([name = "", value]) => [name, Number(value)]));
}

/** S4U2Self and S4U2Proxy as scripts do it today: a process with a ticket-granting ticket in a file. */
async function kvnoProcess({ krb5Conf, keytab, host, target, directory }: Place): Promise<number> {
  const env = { KRB5_CONFIG: krb5Conf };
  const [pristine, used] = [join(directory, "cc"), join(directory, "cc-used")];
  await run("kinit", ["-f", "-c", pristine, "-k", "-t", keytab, host], { env });
  return await medianOfProcesses(async () => {
    await cp(pristine, used);
    const start = performance.now();
    await run("kvno", ["-c", used, "-I", "alice", "-P", target], { env });
    return performance.now() - start;
  });
}

const impacketScript = "/usr/share/doc/python3-impacket/examples/getTGT.py";

/** A login by Impacket. It writes a cache into its working directory. */
async function impacketProcess({ realm, address, keytab, host, directory }: Place): Promise<number> {
  const { entries } = await readKeytab(keytab);
  const key = entries.find((entry) => entry.key.keytype === EncType.aes256CtsHmacSha1)?.key.keyvalue;
  const aesKey = Buffer.from(key ?? []).toString("hex");
  const how = ["-aesKey", aesKey, "-dc-ip", address];
  const command = [
    "-C",
    directory,
    "/usr/bin/python3",
    impacketScript,
    ...how,
    `${realm.toLowerCase()}/${host}`,
  ];
  return await medianOfProcesses(async () => {
    const start = performance.now();
    const said = await run("env", command);
    if (!said.includes("Saving ticket")) throw new Error(`getTGT.py got no ticket: ${said}`);
    return performance.now() - start;
  });
}

async function medianOfProcesses(once: () => Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < 9; round++) samples.push(await once());
  return samples.sort((left, right) => left - right)[4] ?? 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const shown = (value: number | undefined): string =>
    (value === undefined ? "–" : value.toFixed(3)).padStart(10);
  const row = (...cells: string[]): string =>
    `${cells.map((cell, at) => (at < 2 ? cell.padEnd(14) : cell.padStart(10))).join("")}\n`;
  process.stdout.write(row("KDC", "ms each", "ours", "libkrb5", "kvno", "Impacket"));
  for (const { kdc, exchange, ours: own, libkrb5: theirs, kvno, impacket } of await benchClient()) {
    process.stdout.write(row(kdc, exchange, ...[own, theirs, kvno, impacket].map(shown)));
  }
}
