import { HyperVClient } from "@waybill/hyperv";
import {
  type Credential,
  createInitiator,
  GssError,
  parsePrincipal,
  type SecurityContext,
} from "@waybill/kerberos";
import type { ClientSecurity } from "@waybill/wsman";
import { currentLogin } from "./login.ts";
import { readWorkstation, type Workstation } from "./workstation.ts";

export interface ConnectOptions {
  /** Forward the ticket-granting ticket, as if the person signed in over there. */
  readonly forward?: boolean | undefined;
}

/** What a connection is opened with: a ticket for the host, and perhaps a forwarded ticket-granting ticket. */
export interface HostTickets {
  readonly credential: Credential;
  readonly delegate?: Credential | undefined;
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
  return connectHostWith(name, workstation, async (signal) => ({
    credential: await workstation.client.getTicket({ tgt, server }, { signal }),
    ...(options.forward === true ? { delegate: await workstation.client.forward({ tgt }, { signal }) } : {}),
  }));
}

/** @param host full DNS name. @param tickets asked for at every new connection. */
export function connectHostWith(
  host: string,
  workstation: Workstation,
  tickets: (signal: AbortSignal) => Promise<HostTickets>,
): HyperVClient {
  const { address, port } = workstation.address(host);
  return new HyperVClient({ name: host, host: address, port, security: managementSecurity(tickets) });
}

function managementSecurity(tickets: (signal: AbortSignal) => Promise<HostTickets>): ClientSecurity {
  return {
    scheme: "Negotiate",
    createContext: async (signal) => {
      const initiator = createInitiator(await tickets(signal));
      const established = (): SecurityContext => {
        if (initiator.context === undefined) {
          throw new GssError("GSS_NO_CONTEXT", "the context is not established yet", { family: "caller" });
        }
        return initiator.context;
      };
      return {
        step: (token) => initiator.step(token),
        wrapWithHeader: (plain) => established().wrapWithHeader(plain),
        unwrapWithHeader: (header, payload) => established().unwrapWithHeader(header, payload),
      };
    },
  };
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
