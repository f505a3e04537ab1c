import { concatBytes, equalBytes, utf8 } from "@waybill/base";
import { HostError, Hresult } from "../errors.ts";
import { type Channel, protocolError, type Waiting } from "./channel.ts";
import { protocolVersion } from "./messages.ts";

const magic = utf8("WAYBILL\0");
const preambleBytes = magic.length + 2;

export interface Preambles {
  readonly version: number;
  /** Both preambles in the order they were sent: channel bindings of the GSS context. */
  readonly bindings: Uint8Array;
}

/** The source opens: magic, lowest and highest version it speaks. */
export async function openPreamble(channel: Channel, waiting: Waiting): Promise<Preambles> {
  const ours = concatBytes(magic, new Uint8Array([protocolVersion.lowest, protocolVersion.highest]));
  channel.sendRaw(ours);
  const theirs = await readPreamble(channel, waiting);
  const version = theirs[magic.length] ?? 0;
  if (version < protocolVersion.lowest || version > protocolVersion.highest)
    throw noCommonVersion(channel.peer);
  return { version, bindings: concatBytes(ours, theirs) };
}

/** The destination answers: magic, the version it chose (0 for none). */
export async function answerPreamble(channel: Channel, waiting: Waiting): Promise<Preambles> {
  const theirs = await readPreamble(channel, waiting);
  const [lowest = 0, highest = 0] = theirs.subarray(magic.length);
  const common = Math.min(highest, protocolVersion.highest);
  const version = common >= Math.max(lowest, protocolVersion.lowest) ? common : 0;
  const ours = concatBytes(magic, new Uint8Array([version, 0]));
  channel.sendRaw(ours);
  if (version === 0) throw noCommonVersion(channel.peer);
  return { version, bindings: concatBytes(theirs, ours) };
}

async function readPreamble(channel: Channel, waiting: Waiting): Promise<Uint8Array> {
  const bytes = await channel.receiveRaw(preambleBytes, "the preamble", waiting);
  if (!equalBytes(bytes.subarray(0, magic.length), magic)) {
    throw protocolError(channel.peer, "does not speak Waybill's migration protocol");
  }
  return bytes;
}

function noCommonVersion(peer: string): HostError {
  return new HostError(`${peer} and this host speak no common version of the migration protocol`, {
    code: "MIGRATION_VERSION",
    family: "environment",
    hresult: Hresult.failed,
    remedy: "Bring both hosts to the same release of Waybill.",
  });
}
