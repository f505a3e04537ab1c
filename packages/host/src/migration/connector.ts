import { connect } from "node:net";
import { withDeadline } from "@waybill/base";
import { type Credential, createInitiator, type Initiator, type SecurityContext } from "@waybill/kerberos";
import { HostError, Hresult } from "../errors.ts";
import { Channel, SealedChannel } from "./channel.ts";
import { initiate, sealerOf, storageBindings } from "./handshake.ts";
import {
  type DestinationMessage,
  destinationMessage,
  migrationPort,
  type SourceMessage,
} from "./messages.ts";
import type { OutgoingPeer } from "./outgoing.ts";

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

export interface Conversation {
  readonly channel: SealedChannel<SourceMessage, DestinationMessage>;
  readonly context: SecurityContext;
}

/** Opens conversations with other hosts. */
export class Connector {
  readonly #peers: ReadonlyMap<string, PeerAddress>;

  /** @param peers hosts that listen elsewhere than on port 6600 of their DNS name. */
  constructor(peers: Readonly<Record<string, PeerAddress>>) {
    this.#peers = new Map(Object.entries(peers).map(([name, address]) => [name.toLowerCase(), address]));
  }

  /** @throws HostError `MIGRATION_CONNECTION_REFUSED` and its kind; GssError. */
  async open(host: string, credential: Credential, signal: AbortSignal): Promise<Conversation> {
    const { address, port } = this.#peers.get(host.toLowerCase()) ?? { address: host, port: migrationPort };
    const socket = connect({ host: address, port, noDelay: true });
    const channel = new Channel(socket, host);
    try {
      await withDeadline(
        { what: `a connection to ${host} port ${port}`, timeout: 10_000, signal },
        async () => {
          await new Promise<void>((resolve, reject) => {
            socket.once("connect", resolve);
            socket.once("error", (cause) => reject(unreachable(host, port, cause)));
          });
        },
      );
      const context = await initiate(channel, credential, signal);
      return { channel: new SealedChannel(channel, sealerOf(context, host), destinationMessage), context };
    } catch (error) {
      channel.close();
      throw error;
    }
  }
}

/** What a migration needs of a conversation held as a person. */
export function outgoingPeer(
  conversation: Conversation,
  storageCredential: () => Promise<Credential>,
): OutgoingPeer {
  const { channel, context } = conversation;
  let storage: Initiator | undefined;
  return {
    channel,
    prf: (input, length) => context.prf(input, length),
    storageToken: async () => {
      storage = createInitiator({
        mechanism: "krb5",
        credential: await storageCredential(),
        channelBindings: storageBindings(context),
      });
      return storage.step().token ?? new Uint8Array(0);
    },
    finishStorageToken: (token) => {
      storage?.step(token);
    },
  };
}

function unreachable(host: string, port: number, cause: unknown): HostError {
  return new HostError(`${host} does not answer on port ${port}`, {
    code: "MIGRATION_UNREACHABLE",
    family: "environment",
    hresult: Hresult.connectionRefused,
    facts: { host, port },
    remedy: `Check that the Waybill host service runs on ${host}, that its name resolves, and that port ${port} is open between the hosts.`,
    cause,
  });
}
