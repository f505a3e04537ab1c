import { remoteConsole } from "../console/remote-console.ts";
import { connectHostAs } from "../session/connect-host.ts";
import type { Lab } from "./lab.ts";
import { signInToLab } from "./lab-domain.ts";
import { labHosts } from "./layout.ts";

/** Sits, as bob, at the serial port of a lab's machine, on whichever host it runs. */
export async function labConsole(lab: Lab, machine: string): Promise<void> {
  const { domain, workstation } = lab;
  let [host]: readonly string[] = labHosts;
  for (const candidate of labHosts) if (await lab.has(candidate, machine)) host = candidate;
  await remoteConsole({
    machine,
    host: host ?? "",
    takeOver: false,
    connect: async (name) => connectHostAs(await signInToLab(domain, "bob", workstation), name, workstation),
  });
}
