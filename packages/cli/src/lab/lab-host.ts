import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EvidenceMode } from "@waybill/host";
import { writeKeytab } from "@waybill/kerberos";
import { parse, stringify } from "yaml";
import type { LabDomain } from "./lab-domain.ts";
import {
  fullLabName,
  hostState,
  type LabLayout,
  labAddress,
  labHosts,
  labPaths,
  labPorts,
  labRealm,
} from "./layout.ts";

/** Writes a host's keytab and configuration; the host itself is started by `waybill host run`. */
export async function writeLabHost(
  domain: LabDomain,
  host: string,
  accelerator: "kvm" | "tcg",
  evidence: EvidenceMode,
): Promise<string> {
  const { layout } = domain;
  const state = hostState(layout, host);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const keytab = join(state, "host.keytab");
  await writeKeytab(keytab, await domain.keytab(`${host.toUpperCase()}$`));
  const paths = labPaths(layout);
  const peers = labHosts
    .filter((other) => other !== host)
    .map((other) => [fullLabName(other), { address: labAddress(layout, other), port: labPorts.migration }]);
  const config = {
    host: fullLabName(host),
    realm: labRealm,
    keytab,
    "krb5-conf": paths.krb5Conf,
    state: join(state, "state"),
    run: join(state, "run"),
    listen: { address: labAddress(layout, host), port: labPorts.wsman },
    migration: { address: labAddress(layout, host), port: labPorts.migration },
    peers: Object.fromEntries(peers) as Record<string, unknown>,
    evidence,
    accelerator,
    storage: [join(state, "storage"), paths.shared],
    networks: { lab: { kind: "stream", path: join(paths.switch, `${host}.sock`) } },
    access: [
      {
        who: ["Hyper-V Administrators"],
        may: ["list", "operate", "console", "define", "move-out", "accept", "configure", "audit"],
      },
    ],
    groups: { "Hyper-V Administrators": [await domain.operatorsSid()] },
  };
  mkdirSync(join(state, "storage"), { recursive: true, mode: 0o700 });
  const path = labHostConfig(layout, host);
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

export function labHostConfig(layout: LabLayout, host: string): string {
  return join(hostState(layout, host), "host.yaml");
}

/** Changes entries of a host's configuration; the evidence mode counts from the next move on, the rest after a restart. */
export function changeLabHost(
  layout: LabLayout,
  host: string,
  changes: Readonly<Record<string, unknown>>,
): void {
  const path = labHostConfig(layout, host);
  const config = parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, stringify({ ...config, ...changes }), { mode: 0o600 });
}
