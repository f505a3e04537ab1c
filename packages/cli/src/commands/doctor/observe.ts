import type { Account, DirectoryView } from "@waybill/directory";
import {
  type ControllerSurvey,
  controllerFindings,
  type Finding,
  type HostReading,
  hostFindings,
} from "@waybill/doctor";
import { kdcProfiles } from "@waybill/kdc";
import { currentLogin } from "../../session/login.ts";
import type { OpenDirectory, Session } from "../../session/open-directory.ts";
import { readWorkstation } from "../../session/workstation.ts";
import { askControllers } from "./ask-controllers.ts";
import { askHosts, hostJson } from "./ask-hosts.ts";
import type { DoctorOptions } from "./options.ts";

/** What was learned from controllers and hosts themselves, beside the directory. */
export interface Observed {
  readonly findings: readonly Finding[];
  readonly hosts?: readonly HostReading[] | undefined;
  readonly controllers?: ControllerSurvey | undefined;
}

/**
 * Asks whom it was told to ask: hosts with `--hosts`, controllers with `--dc`, and all known controllers when a whole
 * directory is looked at over LDAP.
 */
export async function observe(
  open: OpenDirectory,
  options: DoctorOptions,
  subjects: {
    readonly hosts: readonly Account[];
    readonly people: readonly Account[];
    readonly whole: boolean;
  },
): Promise<Observed> {
  const { directory: view, profile } = open;
  const wantsControllers = options.dc !== undefined || (subjects.whole && open.session !== undefined);
  if (!wantsControllers && options.hosts !== true) return { findings: [] };
  const session = open.session ?? (await signedIn());
  const [controllers, hosts] = await Promise.all([
    wantsControllers ? askControllers(session, view, accountsOf(view, subjects), options.dc) : undefined,
    options.hosts === true ? askHosts(session, view, subjects.hosts) : undefined,
  ]);
  return {
    controllers,
    hosts,
    findings: [
      ...(controllers === undefined ? [] : controllerFindings(view, controllers)),
      ...(hosts === undefined ? [] : hostFindings(view, kdcProfiles[profile], hosts)),
    ],
  };
}

/** For `--json`. */
export function observedJson({ controllers, hosts }: Observed): Record<string, unknown> {
  return {
    ...(controllers === undefined
      ? {}
      : {
          controllers: controllers.controllers.map(({ name, server, clock, failure }) => ({
            name,
            server,
            clock,
            failure,
          })),
          kdcs: controllers.kdcs,
        }),
    ...(hosts === undefined ? {} : { hostSettings: hosts.map(hostJson) }),
  };
}

async function signedIn(): Promise<Session> {
  const workstation = readWorkstation();
  return { workstation, tgt: await currentLogin(workstation) };
}

function accountsOf(
  view: DirectoryView,
  { hosts, people }: { readonly hosts: readonly Account[]; readonly people: readonly Account[] },
): Account[] {
  const krbtgt = view.bySam("krbtgt");
  const all = [...hosts, ...people, ...(krbtgt === undefined ? [] : [krbtgt])];
  return [...new Map(all.map((account) => [account.sid, account])).values()];
}
