import { randomInt } from "node:crypto";
import { promises as dns } from "node:dns";
import { connect } from "node:net";
import { domainToASCII } from "node:url";
import { systemCode } from "./errors.ts";

/** A host that offers a service: RFC 2782. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** What looks records up; `dns.promises` and its `Resolver` do. */
export interface SrvResolver {
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
  /** When there, the servers to ask once more where the resolver does not understand the answer. */
  getServers?(): readonly string[];
}

const patience = 3000;
const srvType = 33;
const internetClass = 1;
const headerSize = 12;

/**
 * SRV records of a name.
 *
 * Since Node 22 the resolver refuses answers whose host names are compressed, which RFC 2782 forbids and Samba's DNS
 * server does (EBADRESP). Such an answer is fetched again, over TCP, and read here.
 *
 * @throws what the resolver throws: an Error with `code` ENOTFOUND, ENODATA, ETIMEOUT …
 */
export async function resolveSrv(name: string, resolver: SrvResolver = dns): Promise<readonly SrvRecord[]> {
  try {
    return await resolver.resolveSrv(name);
  } catch (error) {
    const query = systemCode(error) === "EBADRESP" ? encodeSrvQuery(name) : undefined;
    if (query === undefined) throw error;
    for (const server of resolver.getServers?.() ?? []) {
      const answer = await ask(server, query);
      const records = answer && decodeSrvAnswer(answer, query);
      if (records !== undefined && records.length > 0) return records;
    }
    throw error;
  }
}

/** A question for SRV records: RFC 1035 section 4.1. `undefined` where the name cannot be asked for. */
export function encodeSrvQuery(name: string): Uint8Array | undefined {
  const labels = domainToASCII(name.replace(/\.$/, "")).split(".");
  if (labels.some((label) => label.length < 1 || label.length > 63)) return undefined;
  const header = Buffer.alloc(headerSize);
  header.writeUInt16BE(randomInt(0x10000), 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const question = labels.map((label) =>
    Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"),
  );
  const message = Buffer.concat([header, ...question, Buffer.from([0, 0, srvType, 0, internetClass])]);
  return message.length > headerSize + 255 + 4 ? undefined : new Uint8Array(message);
}

/** The records in an answer to `query`; `undefined` where it is none, or is malformed. */
export function decodeSrvAnswer(answer: Uint8Array, query: Uint8Array): readonly SrvRecord[] | undefined {
  const message = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  if (message.length < query.length || message[0] !== query[0] || message[1] !== query[1]) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) === 0 || (flags & 0x000f) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const question = readName(message, headerSize);
  if (question === undefined) return undefined;
  const records: SrvRecord[] = [];
  let at = question.end + 4;
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const owner = readName(message, at);
    if (owner === undefined || owner.end + 10 > message.length) return undefined;
    const type = message.readUInt16BE(owner.end);
    const data = owner.end + 10;
    at = data + message.readUInt16BE(owner.end + 8);
    if (at > message.length) return undefined;
    if (type !== srvType) continue;
    const target = at < data + 7 ? undefined : readName(message, data + 6);
    if (target === undefined) return undefined;
    const [priority, weight, port] = [0, 2, 4].map((field) => message.readUInt16BE(data + field));
    records.push({ name: target.name, port: port ?? 0, priority: priority ?? 0, weight: weight ?? 0 });
  }
  return records;
}

/** A name, compressed or not; each pointer leads further back than the one before, so there is an end. */
function readName(message: Buffer, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let length = 0;
  let end: number | undefined;
  let limit = start;
  for (let at = start; at < message.length; ) {
    const octet = message[at] ?? 0;
    if (octet === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if (octet < 64) {
      length += octet + 1;
      if (at + 1 + octet > message.length || length > 255) return undefined;
      labels.push(message.toString("latin1", at + 1, at + 1 + octet));
      at += octet + 1;
    } else {
      const pointer = (octet & 0x3f) * 256 + (message[at + 1] ?? 0);
      if (octet < 192 || at + 2 > message.length || pointer >= limit) return undefined;
      end ??= at + 2;
      limit = pointer;
      at = pointer;
    }
  }
  return undefined;
}

/** One question and answer over TCP, where answers are neither cut nor easily forged: RFC 7766. */
async function ask(server: string, query: Uint8Array): Promise<Uint8Array | undefined> {
  const [, bracketed, port = "53"] =
    /^\[(.*)\](?::(\d+))?$/.exec(server) ?? /^([^:]+)(?::(\d+))?$/.exec(server) ?? [];
  const socket = connect({ host: bracketed ?? server, port: Number(port) });
  return await new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const end = (answer?: Uint8Array): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(patience, () => end());
    socket.on("error", () => end());
    socket.on("close", () => end());
    socket.on("connect", () =>
      socket.write(Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query])),
    );
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      end(new Uint8Array(received.subarray(2, 2 + received.readUInt16BE(0))));
    });
  });
}
