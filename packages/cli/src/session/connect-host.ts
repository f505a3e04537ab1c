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

/** Connects to a host's management service as the signed-in person: Negotiate with a ticket for WSMAN/<host>. */
export async function connectHost(
  host: string,
  workstation: Workstation = readWorkstation(),
): Promise<HyperVClient> {
  const tgt = await currentLogin(workstation);
  return connectHostAs(tgt, host, workstation);
}

export function connectHostAs(tgt: Credential, host: string, workstation: Workstation): HyperVClient {
  const name = workstation.fullName(host);
  const { address, port } = workstation.address(name);
  return new HyperVClient({ host: address, port, security: managementSecurity(tgt, name, workstation) });
}

function managementSecurity(tgt: Credential, host: string, workstation: Workstation): ClientSecurity {
  const server = parsePrincipal(`WSMAN/${host}@${tgt.client.realm}`);
  return {
    scheme: "Negotiate",
    createContext: async (signal) => {
      const credential = await workstation.client.getTicket({ tgt, server }, { signal });
      const initiator = createInitiator({ credential });
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
export async function withHost<T>(host: string, work: (client: HyperVClient) => Promise<T>): Promise<T> {
  const client = await connectHost(host);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
