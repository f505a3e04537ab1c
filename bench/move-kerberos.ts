// What a move needs of Kerberos, alone: both S4U exchanges over the network, and the context between the hosts.
import { join } from "node:path";
import {
  type Acceptor,
  configuredClient,
  createAcceptor,
  createInitiator,
  type Initiator,
  loadKrb5Conf,
  MemoryReplayCache,
  parsePrincipal,
  readKeytab,
} from "@waybill/kerberos";
import type { Site } from "../test/support/site.ts";
import { type BenchTable, median } from "./table.ts";

const rounds = 40;
const warmUp = 10;
const parts = ["S4U2Self", "S4U2Proxy", "context", "all three"] as const;

/** The site's controller must allow protocol transition for kvm01. */
export async function benchKerberosPart(site: Site): Promise<BenchTable> {
  const client = configuredClient(loadKrb5Conf(join(site.directory, "krb5.conf")));
  const keytab = async (host: string) => await readKeytab(join(site.directory, host, "host.keytab"));
  const principal = parsePrincipal("KVM01$@SITE.TEST");
  const tgt = await client.login({ principal, keytab: await keytab("kvm01"), forwardable: true });
  const destinationKeys = await keytab("kvm02");
  const replayCache = new MemoryReplayCache();
  const user = parsePrincipal("alice@SITE.TEST");
  const target = parsePrincipal(`Microsoft Virtual System Migration Service/${site.name("kvm02")}@SITE.TEST`);
  const samples = parts.map((): number[] => []);
  for (let round = 0; round < rounds + warmUp; round++) {
    const marks = [performance.now()];
    const evidence = await client.s4u2self({ tgt, user }, { fresh: true });
    marks.push(performance.now());
    const credential = await client.s4u2proxy({ tgt, evidence, target }, { fresh: true });
    marks.push(performance.now());
    establish(
      createInitiator({ credential, mechanism: "krb5" }),
      createAcceptor({ keytab: destinationKeys, replayCache, mechanism: "krb5" }),
    );
    marks.push(performance.now());
    if (round < warmUp) continue;
    const [start = 0, self = 0, proxy = 0, end = 0] = marks;
    [self - start, proxy - self, end - proxy, end - start].forEach((time, at) => {
      samples[at]?.push(time);
    });
  }
  const all = median(samples.at(-1) ?? []);
  return {
    title: "The Kerberos part of a move, warm",
    unit: "ms",
    columns: ["@waybill/kerberos"],
    rows: parts.map((name, at) => ({ name, values: [median(samples[at] ?? [])] })),
    note: `Fresh tickets from a controller in another process, nothing from a cache. Allowed: 30 ms: ${all < 30 ? "met" : "missed"}.`,
  };
}

function establish(initiator: Initiator, acceptor: Acceptor): void {
  let token = initiator.step().token;
  while (token !== undefined) {
    const answer = acceptor.step(token).token;
    token = answer === undefined ? undefined : initiator.step(answer).token;
  }
  if (initiator.context === undefined || acceptor.context === undefined) throw new Error("no context");
}
