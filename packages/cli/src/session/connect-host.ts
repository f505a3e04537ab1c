import { HyperVClient } from "@waybill/hyperv";
import { type Credential, parsePrincipal } from "@waybill/kerberos";
import { type KerberosSecurityOptions, kerberosSecurity } from "@waybill/wsman";
import { currentLogin } from "./login.ts";
import { readWorkstation, type Workstation } from "./workstation.ts";

export interface ConnectOptions {
  /** Forward the ticket-granting ticket, as if the person signed in over there. */
  readonly forward?: boolean | undefined;
}

/** Connects to a host's management service as the signed-in person: Negotiate with a ticket for WSMAN/<host>. */
export async function connectHost(host: string, options: ConnectOptions = {}): Promise<HyperVClient> {
  const workstation = readWorkstation();
  return connectHostAs(await currentLogin(workstation), host, workstation, options);
}

export function connectHostAs(
  tgt: Credential,
  host: string,
  workstation: Workstation,
  options: ConnectOptions = {},
): HyperVClient {
  const name = workstation.fullName(host);
  const server = parsePrincipal(`WSMAN/${name}@${tgt.client.realm}`);
  const { client } = workstation;
  return connectHostWith(name, workstation, {
    ticketSource: async (signal) => await client.getTicket({ tgt, server }, { signal }),
    delegateSource:
      options.forward === true ? async (signal) => await client.forward({ tgt }, { signal }) : undefined,
  });
}

/** @param host full DNS name. @param tickets asked for at every new connection. */
export function connectHostWith(
  host: string,
  workstation: Workstation,
  tickets: KerberosSecurityOptions,
): HyperVClient {
  const { address, port } = workstation.address(host);
  return new HyperVClient({ name: host, host: address, port, security: kerberosSecurity(tickets) });
}

/** Connects, works, and lets go of the connection whatever happens. */
export async function withHost<T>(
  host: string,
  work: (client: HyperVClient) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  const client = await connectHost(host, options);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
