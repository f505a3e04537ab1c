import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Names of the lab, the same in every one. */
export const labRealm = "LAB.TEST";
export const labDomain = "lab.test";
export const labHosts = ["kvm01", "kvm02"] as const;
export type LabHostName = (typeof labHosts)[number];

/** Where everything of one lab is: one directory, one /24 of the loopback network. */
export interface LabLayout {
  readonly state: string;
  /** First three bytes of the lab's addresses, as `127.83.12`. */
  readonly subnet: string;
}

/** The lab's default place: short, since Unix socket names have 107 bytes at most. */
export function defaultLabState(): string {
  return join(tmpdir(), `waybill-lab-${process.getuid?.() ?? 0}`);
}

/** Two labs in different directories have different addresses; the same directory always has the same ones. */
export function labLayout(place: string): LabLayout {
  const state = resolve(place);
  const [a = 0, b = 0] = createHash("sha256").update(state).digest();
  return { state, subnet: `127.${64 + (a % 128)}.${b}` };
}

export const labPorts = {
  kdc: 10088,
  kpasswd: 10464,
  ldap: 10389,
  ldaps: 10636,
  wsman: 5985,
  migration: 6600,
} as const;

const hostNumbers: Readonly<Record<string, number>> = { dc1: 10, kvm01: 11, kvm02: 12, wac: 20 };

export function labAddress(layout: LabLayout, host: string): string {
  return `${layout.subnet}.${hostNumbers[host] ?? 99}`;
}

export function fullLabName(host: string): string {
  return `${host}.${labDomain}`;
}

export function labPaths(layout: LabLayout): {
  domain: string;
  switch: string;
  shared: string;
  workstation: string;
  processes: string;
  krb5Conf: string;
  workstationConfig: string;
} {
  const at = (name: string): string => join(layout.state, name);
  return {
    domain: at("dc"),
    switch: at("sw"),
    shared: at("storage"),
    workstation: at("ws"),
    processes: at("pids"),
    krb5Conf: at("krb5.conf"),
    workstationConfig: at("workstation.yaml"),
  };
}

export function hostState(layout: LabLayout, host: string): string {
  return join(layout.state, host);
}
