import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { LdapClient } from "../src/client/ldap-client.ts";
import { decodeControlValue, PagedResultsValue } from "../src/controls/control-values.ts";
import { MessageChannel } from "../src/message-channel.ts";
import { ControlOid } from "../src/registry/oids.ts";

// RFC 2696: which pages a client asks for, and when. The server here has pages of two entries without end.

let client: LdapClient | undefined;
let stop: (() => void) | undefined;
afterEach(() => {
  client?.close();
  stop?.();
});

interface Asked {
  readonly size: number;
  readonly cookie: string;
}

async function endless(pages: number): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const channel = new MessageChannel(socket, 1 << 20, {
      onMessage: ({ messageID, protocolOp, controls = [] }) => {
        if (protocolOp.kind !== "searchRequest") return;
        const control = controls.find(({ controlType }) => controlType === ControlOid.pagedResults);
        const { size, cookie } =
          control === undefined
            ? { size: 1, cookie: new Uint8Array(0) }
            : decodeControlValue(PagedResultsValue, control.controlValue);
        asked.push({ size, cookie: Buffer.from(cookie).toString() });
        const page = Number(Buffer.from(cookie).toString() || "0");
        for (const name of size === 0 ? [] : ["a", "b"])
          channel.send({
            messageID,
            protocolOp: {
              kind: "searchResEntry",
              value: { objectName: `CN=${name}${page},DC=lab,DC=test`, attributes: [] },
            },
          });
        const next = size === 0 || page + 1 === pages ? "" : String(page + 1);
        channel.send({
          messageID,
          protocolOp: {
            kind: "searchResDone",
            value: { resultCode: 0, matchedDN: "", diagnosticMessage: "" },
          },
          controls: [
            {
              controlType: ControlOid.pagedResults,
              criticality: false,
              controlValue: PagedResultsValue.encode({ size: 0, cookie: Buffer.from(next) }),
            },
          ],
        });
      },
      onEnd: () => {},
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const cookies = (asked: readonly Asked[]): string[] => asked.map(({ cookie }) => cookie);

it("asks for the next page while one is read, and for no more", async () => {
  const { url, asked } = await endless(4);
  client = await LdapClient.connect({ url });
  const entries = client.search({ base: "DC=lab,DC=test", pageSize: 2 })[Symbol.asyncIterator]();
  await entries.next();
  await expect.poll(() => cookies(asked)).toEqual(["", "1"]);
  // The second page has arrived by the time another question is answered; the third is not asked for.
  await client.search({ base: "DC=other", pageSize: 1 })[Symbol.asyncIterator]().next();
  expect(cookies(asked).filter((cookie) => cookie === "2")).toEqual([]);
  await entries.next();
  await entries.next();
  await expect.poll(() => cookies(asked).filter((cookie) => cookie === "2")).toEqual(["2"]);
});

it("gives every entry once, in order, and ends with the last page", async () => {
  const { url, asked } = await endless(3);
  client = await LdapClient.connect({ url });
  const all = await client.search({ base: "DC=lab,DC=test", pageSize: 2 }).all();
  expect(all.map(({ dn }) => dn.slice(3, 5))).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
  expect(cookies(asked)).toEqual(["", "1", "2"]);
});

it("gives back the page after the one that was read ahead when the reader leaves", async () => {
  const { url, asked } = await endless(9);
  client = await LdapClient.connect({ url });
  for await (const entry of client.search({ base: "DC=lab,DC=test", pageSize: 2 })) {
    expect(entry.dn).toContain("a0");
    await expect.poll(() => cookies(asked)).toEqual(["", "1"]);
    // Whatever was sent before this answer has arrived.
    await client
      .search({ base: "DC=other", pageSize: false, scope: "base" })
      .all()
      .catch(() => {});
    break;
  }
  await expect.poll(() => asked.at(-1)).toEqual({ size: 0, cookie: "2" });
});
