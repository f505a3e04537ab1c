import type { Command } from "commander";

/** Command groups are loaded when asked for: `waybill --help` must not wait for a KDC to be read in. */
export const groups: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<(program: Command) => void> }>
> = {
  move: {
    summary: "move a running virtual machine to another host, as yourself",
    load: async () => (await import("./move.ts")).registerMove,
  },
  evacuate: {
    summary: "move every virtual machine away from a host",
    load: async () => (await import("./evacuate.ts")).registerEvacuate,
  },
  vm: {
    summary: "list, show, define, start and stop virtual machines",
    load: async () => (await import("./vm.ts")).registerVm,
  },
  host: {
    summary: "run, set up, check and configure a host",
    load: async () => (await import("./host.ts")).registerHost,
  },
  audit: {
    summary: "who moved what, through which host",
    load: async () => (await import("./audit.ts")).registerAudit,
  },
  doctor: {
    summary: "say why migrations fail, prove it, repair it",
    load: async () => (await import("./doctor.ts")).registerDoctor,
  },
  explain: {
    summary: "what an error code, event id or message means",
    load: async () => (await import("./explain.ts")).registerExplain,
  },
  delegation: {
    summary: "show and change who may act for whom",
    load: async () => (await import("./delegation.ts")).registerDelegation,
  },
  ticket: {
    summary: "log in, list, get and test Kerberos tickets",
    load: async () => (await import("./ticket.ts")).registerTicket,
  },
  keytab: {
    summary: "list, add to and merge keytabs",
    load: async () => (await import("./keytab.ts")).registerKeytab,
  },
  dc: {
    summary: "a small domain controller: directory, KDC, LDAP",
    load: async () => (await import("./dc.ts")).registerDc,
  },
  lab: {
    summary: "a whole domain with two hosts and a running machine, here",
    load: async () => (await import("./lab.ts")).registerLab,
  },
  completion: {
    summary: "shell completion",
    load: async () => (await import("./completion.ts")).registerCompletion,
  },
};
