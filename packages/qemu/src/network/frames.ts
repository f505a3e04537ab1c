import { isIPv4 } from "node:net";
import { DefinitionError } from "../qmp-error.ts";

/** Ethernet, ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792) and UDP (RFC 768): as much as a lab's switch says itself. */

/** A MAC address as `aa:bb:…`, an IP address as `10.0.0.1`. */
export interface Station {
  readonly mac: string;
  readonly ip: string;
}

export const broadcastMac = "ff:ff:ff:ff:ff:ff";

const typeIpv4 = 0x0800;
const typeArp = 0x0806;
const protocolIcmp = 1;
const protocolUdp = 17;
const headerLength = 14;

export type Packet =
  | { readonly kind: "arp"; readonly operation: number; readonly sender: Station; readonly target: string }
  | {
      readonly kind: "echo";
      readonly reply: boolean;
      readonly from: Station;
      readonly to: string;
      readonly identifier: number;
      readonly sequence: number;
      readonly data: Buffer;
    }
  | {
      readonly kind: "udp";
      readonly from: Station;
      readonly to: string;
      readonly sourcePort: number;
      readonly port: number;
      readonly data: Buffer;
    }
  | { readonly kind: "other" };

export function frameSource(frame: Buffer): string {
  return macAt(frame, 6);
}

export function frameDestination(frame: Buffer): string {
  return macAt(frame, 0);
}

/** Multicast and broadcast: the lowest bit of the first byte. */
export function isGroupAddress(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** What a frame carries. Frames cut short are `other`, never an error. */
export function parseFrame(frame: Buffer): Packet {
  const other: Packet = { kind: "other" };
  if (frame.length < headerLength) return other;
  const type = frame.readUInt16BE(12);
  const body = frame.subarray(headerLength);
  if (type === typeArp && body.length >= 28 && body.readUInt32BE(0) === 0x00010800)
    return {
      kind: "arp",
      operation: body.readUInt16BE(6),
      sender: { mac: macAt(body, 8), ip: ipAt(body, 14) },
      target: ipAt(body, 24),
    };
  return type === typeIpv4 ? parseIpv4(frame, body) : other;
}

function parseIpv4(frame: Buffer, packet: Buffer): Packet {
  const other: Packet = { kind: "other" };
  if (packet.length < 20 || packet.readUInt8(0) >> 4 !== 4) return other;
  const start = (packet.readUInt8(0) & 15) * 4;
  const end = Math.min(packet.readUInt16BE(2), packet.length);
  if (start < 20 || end < start + 8 || (packet.readUInt16BE(6) & 0x3fff) !== 0) return other;
  const from = { mac: frameSource(frame), ip: ipAt(packet, 12) };
  const to = ipAt(packet, 16);
  const body = packet.subarray(start, end);
  if (packet.readUInt8(9) === protocolIcmp) {
    const type = body.readUInt8(0);
    if (type !== 0 && type !== 8) return other;
    const [identifier, sequence] = [body.readUInt16BE(4), body.readUInt16BE(6)];
    return { kind: "echo", reply: type === 0, from, to, identifier, sequence, data: body.subarray(8) };
  }
  if (packet.readUInt8(9) !== protocolUdp) return other;
  const [sourcePort, port] = [body.readUInt16BE(0), body.readUInt16BE(2)];
  return { kind: "udp", from, to, sourcePort, port, data: body.subarray(8) };
}

export function arpFrame(operation: 1 | 2, sender: Station, target: Station): Buffer {
  const body = Buffer.alloc(28);
  body.writeUInt32BE(0x00010800, 0);
  body.writeUInt16BE(0x0604, 4);
  body.writeUInt16BE(operation, 6);
  macBytes(sender.mac).copy(body, 8);
  ipBytes(sender.ip).copy(body, 14);
  if (operation === 2) macBytes(target.mac).copy(body, 18);
  ipBytes(target.ip).copy(body, 24);
  return frame(operation === 1 ? broadcastMac : target.mac, sender.mac, typeArp, body);
}

export function echoFrame(
  from: Station,
  to: Station,
  echo: {
    readonly reply: boolean;
    readonly identifier: number;
    readonly sequence: number;
    readonly data: Buffer;
  },
): Buffer {
  const body = Buffer.alloc(8 + echo.data.length);
  body.writeUInt8(echo.reply ? 0 : 8, 0);
  body.writeUInt16BE(echo.identifier, 4);
  body.writeUInt16BE(echo.sequence, 6);
  echo.data.copy(body, 8);
  body.writeUInt16BE(internetChecksum(body), 2);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x4500, 0);
  header.writeUInt16BE(header.length + body.length, 2);
  header.writeUInt16BE(0x4000, 6);
  header.writeUInt16BE((64 << 8) | protocolIcmp, 8);
  ipBytes(from.ip).copy(header, 12);
  ipBytes(to.ip).copy(header, 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return frame(to.mac, from.mac, typeIpv4, Buffer.concat([header, body]));
}

/** RFC 1071. */
export function internetChecksum(data: Buffer): number {
  let sum = 0;
  for (let index = 0; index < data.length; index += 2)
    sum += ((data[index] ?? 0) << 8) | (data[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function frame(destination: string, source: string, type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(headerLength);
  macBytes(destination).copy(header, 0);
  macBytes(source).copy(header, 6);
  header.writeUInt16BE(type, 12);
  const padding = Buffer.alloc(Math.max(0, 60 - headerLength - body.length));
  return Buffer.concat([header, body, padding]);
}

function macAt(bytes: Buffer, offset: number): string {
  return bytes.toString("hex", offset, offset + 6).replace(/(..)(?=.)/g, "$1:");
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

function ipAt(bytes: Buffer, offset: number): string {
  return bytes.subarray(offset, offset + 4).join(".");
}

function ipBytes(ip: string): Buffer {
  if (!isIPv4(ip)) throw new DefinitionError(`${JSON.stringify(ip.slice(0, 60))} is not an IPv4 address`);
  return Buffer.from(ip.split(".").map(Number));
}
