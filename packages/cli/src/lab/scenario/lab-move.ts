import { WaybillError } from "@waybill/base";
import type { HyperVClient, Job, JobProgress } from "@waybill/hyperv";
import { parsePrincipal } from "@waybill/kerberos";
import { connectHostAs, connectHostWith } from "../../session/connect-host.ts";
import type { Lab } from "../lab.ts";
import { signInToLab } from "../lab-domain.ts";
import { fullLabName, labRealm } from "../layout.ts";
import type { GuestScore } from "../switchboard.ts";
import type { Route } from "./scenario.ts";

/** What came of a move, as the person and as the guest saw it. */
export interface MoveOutcome {
  readonly moved: boolean;
  readonly hresult?: number | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly remedy?: string | undefined;
  readonly explanation: readonly string[];
  readonly progress?: JobProgress | undefined;
  readonly job?: Job | undefined;
  readonly guest: GuestScore;
}

/** The lab's machine. */
export const labMachine = "web01";

/** Does what `waybill move` does, as a person of the lab, and watches the guest meanwhile. */
export async function labMove(
  lab: Lab,
  route: Route,
  onProgress: (progress: JobProgress) => void,
): Promise<MoveOutcome> {
  await lab.guest(true);
  let client: HyperVClient | undefined;
  let progress: JobProgress | undefined;
  try {
    client = await connect(lab, route);
    const vm = await client.getVm(labMachine);
    const handle = await client.migrate({ vmId: vm.id, destinationHost: fullLabName(route.to), type: "vm" });
    for await (const step of handle.progress({ interval: 50 })) {
      progress = step;
      onProgress(step);
    }
    const job = await handle.wait();
    return {
      moved: true,
      progress,
      job,
      explanation: progress?.migration?.explanation ?? [],
      guest: await settled(lab),
    };
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    const { code, message, remedy } = error;
    const hresult = "hresult" in error && typeof error.hresult === "number" ? error.hresult : undefined;
    const explanation = progress?.migration?.explanation ?? [];
    return { moved: false, code, message, remedy, hresult, explanation, progress, guest: await settled(lab) };
  } finally {
    client?.close();
  }
}

/** The gap of a switchover shows only when the next heartbeat has come. */
async function settled(lab: Lab): Promise<GuestScore> {
  for (let tries = 0; tries < 60; tries++) {
    const score = await lab.guest();
    if (score.heartbeat.last !== undefined && score.heartbeat.silence < 50) return score;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return await lab.guest();
}

async function connect(lab: Lab, route: Route): Promise<HyperVClient> {
  const { domain, workstation } = lab;
  const tgt = await signInToLab(domain, route.as, workstation);
  if (route.via === undefined)
    return connectHostAs(tgt, route.from, workstation, { forward: route["at-source"] });
  // The management server: takes the person's ticket for itself, and gets one for the source host in their name.
  const account = `${route.via.toUpperCase()}$`;
  const realm = labRealm;
  const http = parsePrincipal(`HTTP/${fullLabName(route.via)}@${realm}`);
  const evidence = await workstation.client.getTicket({ tgt, server: http });
  const keytab = await domain.keytab(account);
  const own = await workstation.client.login({
    principal: parsePrincipal(`${account}@${realm}`),
    keytab,
    forwardable: true,
  });
  const target = parsePrincipal(`WSMAN/${fullLabName(route.from)}@${realm}`);
  const credential = await workstation.client.s4u2proxy({ tgt: own, evidence, target }, { fresh: true });
  return connectHostWith(fullLabName(route.from), workstation, {
    ticketSource: () => Promise.resolve(credential),
  });
}
