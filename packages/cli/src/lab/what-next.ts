import { fileURLToPath } from "node:url";
import { style } from "../output/style.ts";
import { defaultLabState, type LabLayout, labHosts, labPaths } from "./layout.ts";

/** What somebody does with a lab that is up: lines for a shell. */
export function whatNext(layout: LabLayout): string {
  const { krb5Conf, workstationConfig, workstation } = labPaths(layout);
  const state = layout.state === defaultLabState() ? "" : ` --state ${layout.state}`;
  return [
    `${style.title("The lab is up.")} In a shell:`,
    ...sourcePath(),
    `  export KRB5_CONFIG=${krb5Conf} \\`,
    `    WAYBILL_CONFIG=${workstationConfig} \\`,
    `    KRB5CCNAME=${workstation}/cc`,
    `  kinit alice < ${workstation}/alice.password   # MIT's; or:`,
    `  waybill ticket login alice --password-file ${workstation}/alice.password`,
    "  klist                                        # or: waybill ticket list",
    "  waybill vm list --host kvm01",
    "  waybill vm console web01 --host kvm01        # its serial port; Ctrl-] leaves",
    "  waybill move web01 --from kvm01 --to kvm02 --explain",
    "  waybill doctor --person alice --from kvm01 --to kvm02",
    `  waybill audit --host ${labHosts.join(" ")}`,
    `  waybill lab run ws2016${state}   # the story's first half`,
    `  waybill lab down${state}   # leaves nothing behind`,
  ].join("\n");
}

/** From a checkout nothing is on the PATH yet. */
function sourcePath(): string[] {
  if (!import.meta.url.endsWith(".ts")) return [];
  return [`  export PATH=${fileURLToPath(new URL("../../../../tools", import.meta.url))}:$PATH`];
}
