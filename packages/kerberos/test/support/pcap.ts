/** One datagram between a client and a server's port, as a capture would show it. */
export interface CapturedDatagram {
  readonly fromServer: boolean;
  readonly payload: Uint8Array;
  /** The server's. Default: 88. */
  readonly port?: number;
}

/** A capture file (libpcap 2.4, LINKTYPE_RAW) of UDP datagrams of any length. */
export function pcapOf(datagrams: readonly CapturedDatagram[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x40000, 16);
  header.writeUInt32LE(101, 20);
  const packets = datagrams.map(({ fromServer, payload, port = 88 }, index) => {
    const client = [127, 0, 0, 2];
    const server = [127, 0, 0, 1];
    const udpLength = 8 + payload.length;
    const packet = Buffer.alloc(20 + udpLength);
    packet.writeUInt8(0x45, 0);
    packet.writeUInt16BE(packet.length, 2);
    packet.writeUInt8(64, 8);
    packet.writeUInt8(17, 9);
    packet.set(fromServer ? server : client, 12);
    packet.set(fromServer ? client : server, 16);
    packet.writeUInt16BE(fromServer ? port : 40_000, 20);
    packet.writeUInt16BE(fromServer ? 40_000 : port, 22);
    packet.writeUInt16BE(udpLength, 24);
    packet.set(payload, 28);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(index + 1, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return Buffer.concat([record, packet]);
  });
  return Buffer.concat([header, ...packets]);
}
