import { DomainController } from "@waybill/kdc";
import type { Command } from "commander";
import { Lab } from "../lab/lab.ts";
import {
  defaultLabState,
  fullLabName,
  labAddress,
  labHosts,
  labLayout,
  labPaths,
  labPorts,
} from "../lab/layout.ts";
import { runSwitchboard } from "../lab/switchboard.ts";
import { style } from "../output/style.ts";
import { untilStopped } from "./host.ts";

export function registerLab(program: Command): void {
  const lab = program.command("lab").description("a whole domain with two hosts and a running machine, here");
  const state = ["--state <dir>", "where everything of the lab is", defaultLabState()] as const;
  lab
    .command("up")
    .description("start a lab and leave it running")
    .option(...state)
    .option("--evidence <mode>", "ticket, s4u2self or auto", "auto")
    .action(async (options: { state: string; evidence: "ticket" | "s4u2self" | "auto" }) => {
      const progress = (what: string): void => console.error(style.faint(`· ${what}`));
      const running = await Lab.up(labLayout(options.state), { evidence: options.evidence, progress });
      await running.close();
      console.log(whatNext(options.state));
    });
  lab
    .command("down")
    .description("end a lab; nothing of it stays")
    .option(...state)
    .action(async (options: { state: string }) => await Lab.down(labLayout(options.state)));
  lab
    .command("part-domain", { hidden: true })
    .requiredOption("--state <dir>")
    .action(async (options: { state: string }) => {
      const layout = labLayout(options.state);
      const { kdc, kpasswd, ldap, ldaps } = labPorts;
      const controller = await DomainController.start({
        state: labPaths(layout).domain,
        host: labAddress(layout, "dc1"),
        ports: { kdc, kpasswd, ldap, ldaps },
      });
      await untilStopped();
      await controller.stop();
    });
  lab
    .command("part-switch", { hidden: true })
    .requiredOption("--state <dir>")
    .action(async (options: { state: string }) => {
      const stop = new AbortController();
      const running = runSwitchboard(labPaths(labLayout(options.state)).switch, labHosts, stop.signal);
      await untilStopped();
      stop.abort();
      await running;
    });
}

export function whatNext(state: string): string {
  const { krb5Conf, workstationConfig, workstation } = labPaths(labLayout(state));
  return [
    `${style.title("The lab is up.")} In a shell:`,
    `  export KRB5_CONFIG=${krb5Conf} WAYBILL_CONFIG=${workstationConfig} KRB5CCNAME=${workstation}/cc`,
    `  kinit alice < ${workstation}/alice.password        # or: waybill ticket login alice --password-file …`,
    "  waybill vm list --host kvm01",
    "  waybill move web01 --from kvm01 --to kvm02 --explain",
    "  waybill doctor --person alice --from kvm01 --to kvm02",
    `  waybill audit --host ${fullLabName("kvm01")} ${fullLabName("kvm02")}`,
    `  waybill lab down${state === defaultLabState() ? "" : ` --state ${state}`}`,
  ].join("\n");
}
