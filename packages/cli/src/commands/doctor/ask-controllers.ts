import { type Account, type DirectoryView, UserAccountControl } from "@waybill/directory";
import {
  type ControllerSurvey,
  enumerate,
  printable,
  readKdcClock,
  surveyControllers,
} from "@waybill/doctor";
import { confLocator, type KdcEndpoint, NetworkTransport } from "@waybill/kerberos";
import { discoverDomainControllers } from "@waybill/ldap";
import { connectDirectory } from "../../session/connect-directory.ts";
import { controllerAddress, type Session } from "../../session/open-directory.ts";
import type { DirectoryAddress } from "../../session/workstation.ts";

/** Nobody waits longer than this for a controller that was not asked for by name. */
const patience = 5000;
const perAccount = 20;
const controllerFlags = UserAccountControl.serverTrustAccount | UserAccountControl.partialSecretsAccount;

/**
 * Asks the controllers of the domain for some accounts and for the time: those named, or those that the workstation's
 * file, DNS and the directory know.
 */
export async function askControllers(
  session: Session,
  view: DirectoryView,
  accounts: readonly Account[],
  names: readonly string[] | undefined,
): Promise<ControllerSurvey> {
  const { workstation, tgt } = session;
  const { realm } = tgt.client;
  const controllers =
    names?.map((name) => controllerAddress(workstation, name)) ?? (await found(session, view));
  const kdcs = await confLocator(workstation.krb5)
    .locate(realm, "kdc")
    .catch((): readonly KdcEndpoint[] => []);
  return await surveyControllers({
    accounts,
    // A silent one is given up by its connection; one that answers may have a lot to say.
    timeout: patience + accounts.length * perAccount,
    controllers: controllers.map((directory) => ({
      name: directory.name,
      connect: (signal) =>
        connectDirectory(tgt, { ...workstation, directory }, { signal, timeout: patience }),
    })),
    kdcs: kdcs.map((endpoint) => ({
      name: `the KDC at ${endpoint.host}:${endpoint.port}`,
      read: (signal) => {
        const transport = new NetworkTransport({ locator: { locate: async () => [endpoint] } });
        return readKdcClock(transport, tgt.client, { timeout: patience, signal });
      },
    })),
  });
}

/** `Compared: dc1.lab.test, dc2.lab.test; their clocks are within 0.4 s of this machine's.` */
export function controllersText({ controllers, kdcs }: ControllerSurvey): string {
  const answered = controllers.filter(({ failure }) => failure === undefined).map(({ name }) => name);
  const offsets = [...controllers, ...kdcs].flatMap(({ clock }) =>
    clock === undefined ? [] : [Math.abs(clock.ahead)],
  );
  const what =
    answered.length === 0
      ? "No domain controller answered"
      : `${answered.length === 1 ? "The only controller that is known" : "Compared"}: ${printable(enumerate(answered, 8))}`;
  return offsets.length === 0
    ? `${what}.`
    : `${what}; clocks within ${(Math.max(...offsets) / 1000).toFixed(1)} s of this machine's.`;
}

async function found({ workstation, tgt }: Session, view: DirectoryView): Promise<DirectoryAddress[]> {
  const domain = tgt.client.realm.toLowerCase();
  const inDns = await discoverDomainControllers(domain, { timeout: patience }).catch(() => []);
  const inDirectory: DirectoryAddress[] = [];
  for (const { userAccountControl, dnsHostName } of view.accounts(controllerFlags))
    if (dnsHostName !== undefined && (userAccountControl & controllerFlags) !== 0)
      inDirectory.push({ address: dnsHostName, port: 389, name: dnsHostName });
  const known = [
    ...(workstation.directory === undefined ? [] : [workstation.directory]),
    ...workstation.directories,
    ...inDns.map(({ host, port }) => ({ address: host, port, name: host })),
    ...inDirectory,
  ];
  // Who says where a controller is comes before who only says its name.
  return [...new Map(known.toReversed().map((one) => [one.name.toLowerCase(), one])).values()].reverse();
}
