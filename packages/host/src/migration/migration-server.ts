import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createAcceptor, type SecurityContext, samePrincipal } from "@waybill/kerberos";
import { isServiceOf } from "../authorization/authorizer.ts";
import { readCaller } from "../authorization/read-caller.ts";
import { HostError, Hresult } from "../errors.ts";
import { answerResolve } from "./answer-resolve.ts";
import { Channel, protocolError, SealedChannel } from "./channel.ts";
import {
  type AcceptingParts,
  accept,
  describeRefusal,
  refuse,
  sealerOf,
  storageBindings,
} from "./handshake.ts";
import { IncomingMigration, type IncomingParts, type IncomingPeer } from "./incoming.ts";
import { type DestinationMessage, type SourceMessage, sourceMessage } from "./messages.ts";

const maxConnections = 128;

/** Listens on TCP 6600 for other hosts. */
export class MigrationServer {
  readonly #parts: IncomingParts & AcceptingParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(parts: IncomingParts & AcceptingParts) {
    this.#parts = parts;
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      void this.#serve(socket);
    });
    this.#server.maxConnections = maxConnections;
  }

  async listen(address: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause) => reject(cannotListen(address, port, cause)));
      this.#server.listen(port, address, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: Socket): Promise<void> {
    const channel = new Channel(socket, `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`);
    let context: SecurityContext;
    try {
      context = await accept(channel, this.#parts);
    } catch (error) {
      this.#parts.logger.warn("migration-not-authenticated", {
        peer: channel.peer,
        ...describeRefusal(error),
      });
      if (channel.open) refuse(channel, error);
      channel.end();
      return;
    }
    const sealed = new SealedChannel<DestinationMessage, SourceMessage>(
      channel,
      sealerOf(context, channel.peer),
      sourceMessage,
    );
    try {
      await this.#converse(sealed, context, socket.localAddress ?? "");
    } catch (error) {
      this.#refuse(sealed, context, error);
    } finally {
      channel.end();
    }
  }

  async #converse(
    channel: SealedChannel<DestinationMessage, SourceMessage>,
    context: SecurityContext,
    reached: string,
  ): Promise<void> {
    const hello = await channel.receive("the greeting", { timeout: 10_000 });
    if (hello.type !== "hello") throw protocolError(channel.channel.peer, `began with "${hello.type}"`);
    channel.channel.identify(hello.host);
    if (hello.purpose === "resolve") {
      this.#demandHost(context, hello.migration, hello.host);
      return await answerResolve(this.#parts, channel, hello);
    }
    const caller = readCaller(context);
    const peer: IncomingPeer = {
      caller,
      reached,
      channel,
      prf: (input, length) => context.prf(input, length),
      acceptStorageToken: async (token) => this.#acceptStorage(context, token),
    };
    const { migration, vm, host, purpose } = hello;
    const work = async () => await new IncomingMigration(this.#parts, peer, hello).run();
    if (purpose === "check") return await work();
    await this.#parts.arrivals.hold({ migration, vm: vm.id, host, channel: channel.channel }, work);
  }

  /** Only the source host itself, under its own name, may ask what became of its migration. */
  #demandHost(context: SecurityContext, migration: string, host: string): void {
    const expected =
      this.#parts.journal.migration(migration)?.peer ?? this.#parts.arrivals.sourceOf(migration) ?? host;
    if (isServiceOf(context.peerName, expected) && context.pac?.delegationInfo === undefined) return;
    throw new HostError(`${context.peerName} is not ${expected}, whose migration this is`, {
      code: "ACCESS_DENIED",
      family: "peer",
      hresult: Hresult.accessDenied,
      remedy: "Only the host that sent a machine may ask what became of it, under its own name.",
    });
  }

  #acceptStorage(context: SecurityContext, token: Uint8Array): Uint8Array | undefined {
    const { keytab, replayCache, clock, host } = this.#parts;
    const acceptor = createAcceptor({
      keytab: keytab(),
      replayCache,
      clock,
      channelBindings: storageBindings(context),
      requireChannelBindings: true,
      requirePac: true,
    });
    const step = acceptor.step(token);
    const storage = step.context;
    const service = storage?.local.components[0]?.toLowerCase();
    if (storage === undefined || service !== "cifs" || !samePrincipal(storage.peer, context.peer)) {
      throw new HostError(`the storage ticket is not ${context.peerName}'s ticket for cifs/${host}`, {
        code: "STORAGE_NOT_AUTHORIZED",
        family: "peer",
        hresult: Hresult.accessDenied,
        remedy: `Allow the source host to delegate to cifs/${host}, as it does to the migration service.`,
      });
    }
    return step.token;
  }

  #refuse(
    channel: SealedChannel<DestinationMessage, SourceMessage>,
    context: SecurityContext,
    error: unknown,
  ): void {
    const { code, message, remedy, hresult } = describeRefusal(error);
    this.#parts.logger.warn("migration-refused", {
      person: context.peerName,
      code,
      message,
      ...(code === "INTERNAL_ERROR" ? { error } : {}),
    });
    try {
      this.#parts.audit.write({
        action: "accept",
        outcome: "refused",
        person: context.peerName,
        assertedBy: "see ticket",
        delegatingHost: context.pac?.delegationInfo?.transitedServices.at(-1),
        peer: channel.channel.peer,
        code,
        detail: message.slice(0, 500),
      });
    } catch (failure) {
      // A full disk must not keep the peer waiting, nor end the service.
      this.#parts.logger.error("audit-not-written", { code, error: failure });
    }
    if (!channel.channel.open) return;
    channel.send({
      type: "refused",
      code,
      message: message.slice(0, 8000),
      ...(remedy === undefined ? {} : { remedy: remedy.slice(0, 8000) }),
      ...(hresult === undefined ? {} : { hresult }),
    });
  }
}

function cannotListen(address: string, port: number, cause: unknown): HostError {
  return new HostError(`cannot listen on ${address} port ${port} for migrations`, {
    code: "MIGRATION_LISTEN_FAILED",
    family: "environment",
    facts: { address, port },
    remedy: "Check that the address is this machine's and that no other program uses the port.",
    cause,
  });
}
