import type { Account } from "@waybill/directory";
import { type ControllerSurvey, readKdcClock, surveyControllers } from "@waybill/doctor";
import { confLocator, type KdcEndpoint, NetworkTransport } from "@waybill/kerberos";
import { discoverDomainControllers } from "@waybill/ldap";
import { connectDirectory } from "../../session/connect-directory.ts";
import { controllerAddress, type Session } from "../../session/open-directory.ts";
import type { DirectoryAddress } from "../../session/workstation.ts";

/** Nobody waits longer than this for a controller that was not asked for by name. */
const patience = 5000;

/**
 * Asks the controllers of the domain for some accounts and for the time: those named, or those that the workstation's
 * file and DNS know.
 */
export async function askControllers(
  session: Session,
  accounts: readonly Account[],
  names: readonly string[] | undefined,
): Promise<ControllerSurvey> {
  const { workstation, tgt } = session;
  const { realm } = tgt.client;
  const controllers = names?.map((name) => controllerAddress(workstation, name)) ?? (await found(session));
  const kdcs = await confLocator(workstation.krb5)
    .locate(realm, "kdc")
    .catch((): readonly KdcEndpoint[] => []);
  return await surveyControllers({
    accounts,
    timeout: patience,
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

async function found({ workstation, tgt }: Session): Promise<DirectoryAddress[]> {
  const domain = tgt.client.realm.toLowerCase();
  const inDns = await discoverDomainControllers(domain, { timeout: patience }).catch(() => []);
  const known = [
    ...(workstation.directory === undefined ? [] : [workstation.directory]),
    ...workstation.directories,
    ...inDns.map(({ host, port }) => ({ address: host, port, name: host })),
  ];
  return [...new Map(known.map((one) => [one.name.toLowerCase(), one])).values()];
}
