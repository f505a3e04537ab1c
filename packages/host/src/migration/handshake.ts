import { type Clock, utf8, WaybillError } from "@waybill/base";
import {
  type ChannelBindings,
  type Credential,
  createAcceptor,
  createInitiator,
  type Keytab,
  type ReplayCache,
  type SecurityContext,
} from "@waybill/kerberos";
import type { MigrationKey } from "@waybill/qemu";
import * as v from "valibot";
import { HostError, Hresult } from "../errors.ts";
import { type Channel, FrameKind, protocolError, type Sealer } from "./channel.ts";
import { answerPreamble, openPreamble } from "./preamble.ts";

const stepTime = 10_000;

const refusal = v.object({ code: v.string(), message: v.string(), remedy: v.optional(v.string()) });

/** Authenticates towards a destination with a ticket; returns the mutual context. */
export async function initiate(
  channel: Channel,
  credential: Credential,
  signal?: AbortSignal,
): Promise<SecurityContext> {
  const waiting = { timeout: stepTime, signal };
  const { bindings } = await openPreamble(channel, waiting);
  const handshake = createInitiator({
    mechanism: "krb5",
    credential,
    channelBindings: { applicationData: bindings },
  });
  let step = handshake.step();
  for (;;) {
    if (step.token !== undefined) channel.send(FrameKind.token, step.token);
    if (step.context !== undefined) return step.context;
    const frame = await channel.receive("the authentication token", waiting);
    if (frame.kind === FrameKind.refusal) throw readRefusal(channel.peer, frame.payload);
    if (frame.kind !== FrameKind.token) throw protocolError(channel.peer, "did not answer with a token");
    step = handshake.step(frame.payload);
  }
}

export interface AcceptingParts {
  readonly keytab: () => Keytab;
  readonly replayCache: ReplayCache;
  readonly clock: Clock;
}

/** Authenticates whoever connected. */
export async function accept(channel: Channel, parts: AcceptingParts): Promise<SecurityContext> {
  const waiting = { timeout: stepTime };
  const { bindings } = await answerPreamble(channel, waiting);
  const handshake = createAcceptor({
    keytab: parts.keytab(),
    replayCache: parts.replayCache,
    clock: parts.clock,
    channelBindings: { applicationData: bindings },
    requireChannelBindings: true,
    requirePac: true,
  });
  for (;;) {
    const frame = await channel.receive("the authentication token", waiting);
    if (frame.kind !== FrameKind.token) throw protocolError(channel.peer, "did not send a token");
    const step = handshake.step(frame.payload);
    if (step.token !== undefined) channel.send(FrameKind.token, step.token);
    if (step.context !== undefined) return step.context;
  }
}

/** Says why, in clear, to a peer that could not be authenticated; nothing secret is known yet. */
export function refuse(channel: Channel, error: unknown): void {
  const { code, message, remedy } = describeRefusal(error);
  channel.send(
    FrameKind.refusal,
    utf8(JSON.stringify({ code, message, ...(remedy === undefined ? {} : { remedy }) })),
  );
}

export function describeRefusal(error: unknown): {
  code: string;
  message: string;
  remedy?: string | undefined;
  hresult?: number | undefined;
} {
  if (!(error instanceof WaybillError))
    return { code: "INTERNAL_ERROR", message: "the destination met an unexpected error" };
  const hresult = error instanceof HostError ? error.hresult : undefined;
  return { code: error.code, message: error.message, remedy: error.remedy, hresult };
}

function readRefusal(peer: string, payload: Uint8Array): HostError {
  const parsed = v.safeParse(refusal, tryJson(payload));
  if (!parsed.success) return protocolError(peer, "refused without a readable reason");
  const { code, message, remedy } = parsed.output;
  return new HostError(`${peer} did not accept the authentication: ${message}`, {
    code,
    family: "peer",
    hresult: code === "KRB_AP_ERR_MODIFIED" ? Hresult.wrongPrincipal : Hresult.accessDenied,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function tryJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** A context's sealing as the channel wants it: always confidential, in both directions. */
export function sealerOf(context: SecurityContext, peer: string): Sealer {
  return {
    wrap: (plain) => context.wrap(plain),
    unwrap: (token) => {
      const { message, confidential } = context.unwrap(token);
      if (!confidential) throw protocolError(peer, "sent a message that is signed but not sealed");
      return message;
    },
  };
}

/** The TLS pre-shared key of one migration, which both sides draw from their context and nobody sends. */
export function migrationKey(migration: string, context: Pick<SecurityContext, "prf">): MigrationKey {
  return { identity: migration, key: context.prf(utf8(`waybill migration tls-psk ${migration}`), 32) };
}

/** Ties the storage ticket's context to the migration's: neither is of use without the other. */
export function storageBindings(context: SecurityContext): ChannelBindings {
  return { applicationData: context.prf(utf8("waybill storage"), 32) };
}
