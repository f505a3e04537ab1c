import type { Command } from "commander";

/** What one would type after `waybill`, by command; commands that are not here bring examples of their own. */
const examples: Readonly<Record<string, readonly string[]>> = {
  evacuate: [
    "evacuate kvm01 --dry-run",
    "evacuate kvm01 --to kvm02 kvm03",
    "evacuate kvm01 --to kvm02 --parallel 4 --json",
  ],
  vm: ["vm list --host kvm01", "vm start web01 --host kvm01"],
  "vm list": ["vm list --host kvm01", "vm list --host kvm01 --json | jq -r '.[].name'"],
  "vm show": ["vm show web01 --host kvm01"],
  "vm define": ["vm define web01.yaml --host kvm01", "vm define from-libvirt.xml --host kvm01"],
  "vm remove": ["vm remove web01 --host kvm01"],
  "vm start": ["vm start web01 --host kvm01"],
  "vm stop": ["vm stop web01 --host kvm01"],
  "vm kill": ["vm kill web01 --host kvm01"],
  "vm pause": ["vm pause web01 --host kvm01"],
  "vm reset": ["vm reset web01 --host kvm01"],
  "vm console": ["vm console web01 --host kvm01", "vm console web01 --host kvm01 --take-over"],
  host: ["host status kvm01", "host check", "host settings kvm01 --maximum-migrations 4"],
  "host run": ["host run --config /etc/waybill/host.yaml"],
  "host service": ["host service --config /etc/waybill/host.yaml"],
  "host listener": ["host listener --config /etc/waybill/host.yaml"],
  "host settings": [
    "host settings kvm01",
    "host settings kvm01 --maximum-migrations 4 --performance multifd",
  ],
  "host status": ["host status kvm01", "host status kvm01 --json"],
  "host setup": ["host setup --host kvm01.lab.test --realm LAB.TEST"],
  "host check": ["host check", "host check --config /etc/waybill/host.yaml --json"],
  doctor: [
    "doctor",
    "doctor --from kvm01 --to kvm02 --person alice",
    "doctor --from kvm01 --to kvm02 --fix",
    "doctor --ldif export.ldif --html report.html",
  ],
  delegation: ["delegation show", "delegation allow --mesh kvm01 kvm02 kvm03 --dry-run"],
  "delegation show": ["delegation show", "delegation show 'KVM01$' --json"],
  "delegation allow": [
    "delegation allow --from kvm01 --to kvm02 --both",
    "delegation allow --mesh kvm01 kvm02 --mode resource-based --dry-run",
  ],
  "delegation revoke": ["delegation revoke --from kvm01", "delegation revoke --from kvm01 --to kvm02 --yes"],
  "delegation convert": ["delegation convert kvm01 --into kerberos-only --dry-run"],
  ticket: [
    "ticket login alice",
    "ticket list",
    "ticket s4u --keytab kvm01.keytab --for alice --to cifs/kvm02.lab.test",
  ],
  keytab: ["keytab list /etc/krb5.keytab"],
  dc: ["dc init --realm LAB.TEST", "dc serve --listen 127.0.0.1"],
  "dc user": ["dc user add alice", "dc user list"],
  "dc user password": ["dc user password alice"],
  "dc user disable": ["dc user disable alice"],
  "dc user enable": ["dc user enable alice"],
  "dc user remove": ["dc user remove alice"],
  "dc user list": ["dc user list", "dc user list --json"],
  "dc computer": ["dc computer add KVM01 --migration", "dc computer list"],
  "dc computer remove": ["dc computer remove KVM01"],
  "dc computer list": ["dc computer list", "dc computer list --json"],
  "dc spn": ["dc spn list KVM01", "dc spn add WEB HTTP/www.lab.test"],
  "dc spn remove": ["dc spn remove WEB HTTP/www.lab.test"],
  "dc spn list": ["dc spn list KVM01", "dc spn list KVM01 --json"],
  "dc group": ["dc group add Operators", "dc group join Operators alice"],
  "dc group add": ["dc group add Operators"],
  "dc group join": ["dc group join Operators alice bob"],
  "dc group leave": ["dc group leave Operators bob"],
  "dc group members": ["dc group members Operators", "dc group members Operators --json"],
  "dc delegation": [
    "dc delegation set KVM01 --to cifs/kvm02.lab.test",
    "dc delegation rbcd KVM02 --from KVM01",
  ],
  "dc trust": ["dc trust list"],
  "dc trust remove": ["dc trust remove OTHER.TEST"],
  "dc trust list": ["dc trust list", "dc trust list --json"],
  "dc status": ["dc status", "dc status --json"],
  lab: ["lab up", "lab run ws2016", "lab down"],
  "lab up": ["lab up", "lab up --state /tmp/second-lab", "lab up --domain samba"],
  "lab down": ["lab down", "lab down --state /tmp/second-lab"],
  "lab console": ["lab console"],
  "lab run": ["lab run ws2016", "lab run rbcd rbcd-mixed --keep", "lab run ./mine.yaml --json"],
  "lab story": ["lab story", "lab story --keep"],
};

/** Lets the help of every command below one end with lines to copy. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  const lines = examples[path.join(" ")] ?? [];
  if (lines.length > 0)
    command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  waybill ${line}`).join("\n")}`);
  for (const child of command.commands) addExamples(child, [...path, child.name()]);
}
