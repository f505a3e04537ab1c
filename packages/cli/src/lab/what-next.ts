import { fileURLToPath } from "node:url";
import { style } from "../output/style.ts";
import { defaultLabState, fullLabName, type LabLayout, labHosts, labPaths } from "./layout.ts";

/** What somebody does with a lab that is up: lines for a shell. */
export function whatNext(layout: LabLayout): string {
  const { krb5Conf, workstationConfig, workstation } = labPaths(layout);
  const state = layout.state === defaultLabState() ? "" : ` --state ${layout.state}`;
  return [
    `${style.title("The lab is up.")} In a shell:`,
    ...sourceAlias(),
    `  export KRB5_CONFIG=${krb5Conf} WAYBILL_CONFIG=${workstationConfig} KRB5CCNAME=${workstation}/cc`,
    `  waybill ticket login alice --password-file ${workstation}/alice.password    # or MIT's tools:`,
    `  kinit alice < ${workstation}/alice.password; klist`,
    "  waybill vm list --host kvm01",
    "  waybill move web01 --from kvm01 --to kvm02 --explain",
    "  waybill doctor --person alice --from kvm01 --to kvm02",
    `  waybill audit --host ${labHosts.map(fullLabName).join(" ")}`,
    `  waybill lab console${state}       # web01's serial port, with a shell`,
    `  waybill lab down${state}`,
  ].join("\n");
}

/** From a checkout nothing is on the PATH yet. */
function sourceAlias(): string[] {
  if (!import.meta.url.endsWith(".ts")) return [];
  const checkout = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/\/$/, "");
  return [`  alias waybill='npm --silent --prefix ${checkout} run waybill --'`];
}
