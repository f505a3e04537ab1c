import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createAcceptor,
  FileReplayCache,
  type GssError,
  KerberosError,
  type Keytab,
  readKeytab,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { loopbackAddress, run } from "../support/processes.ts";

const host = "www.mit.test";
const address = loopbackAddress();
let realm: MitRealm;
let keytab: Keytab;
let server: Server;
let url: string;
let resolve: string;
let replayCache: FileReplayCache;
let refusals: string[] = [];

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-pw" },
      { name: `HTTP/${host}` },
      { name: "HTTP/other.mit.test" },
    ],
  });
  keytab = await readKeytab(await realm.exportKeytab(`HTTP/${host}`));
  replayCache = new FileReplayCache({ directory: join(realm.directory, "replay") });
  server = createServer((request, response) => {
    const token = /^Negotiate (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) {
      response.writeHead(401, { "www-authenticate": "Negotiate" }).end();
      return;
    }
    try {
      const { token: reply, context } = createAcceptor({ keytab, replayCache }).step(
        Buffer.from(token, "base64"),
      );
      const answer = reply === undefined ? "Negotiate" : `Negotiate ${Buffer.from(reply).toString("base64")}`;
      response.writeHead(200, { "www-authenticate": answer }).end(`hello ${context?.peerName}`);
    } catch (error) {
      if (!(error instanceof KerberosError)) throw error;
      refusals.push(error.code);
      const reply = (error as GssError).token;
      response
        .writeHead(401, reply && { "www-authenticate": `Negotiate ${Buffer.from(reply).toString("base64")}` })
        .end(error.code);
    }
  });
  await new Promise<void>((done) => server.listen(0, address, done));
  const { port } = server.address() as { port: number };
  url = `http://${host}:${port}/`;
  resolve = `${host}:${port}:${address}`;
});
afterAll(async () => {
  server?.close();
  replayCache?.close();
  await realm?.stop();
});

const curl = (env: Record<string, string>, ...args: string[]) =>
  run("curl", ["-sS", "--noproxy", "*", "--negotiate", "-u", ":", "--resolve", resolve, ...args], {
    env: { ...realm.env, ...env },
  });

test("curl --negotiate is greeted by name", async () => {
  const env = { KRB5CCNAME: join(realm.directory, "cc") };
  await run("kinit", ["alice"], { env: { ...realm.env, ...env }, input: "alice-pw\n" });
  for (let round = 0; round < 3; round++) expect(await curl(env, url)).toBe("hello alice@MIT.TEST");
});

test("curl without a ticket gets nowhere", async () => {
  const env = { KRB5CCNAME: join(realm.directory, "no-such-cc") };
  expect(await curl(env, "-o", "/dev/null", "-w", "%{http_code}", url)).toBe("401");
});

test("curl with a ticket for another service is refused by name", async () => {
  refusals = [];
  const env = { KRB5CCNAME: join(realm.directory, "cc") };
  const port = new URL(url).port;
  const args = ["--resolve", `other.mit.test:${port}:${address}`, `http://other.mit.test:${port}/`];
  expect(await curl(env, "-o", "/dev/null", "-w", "%{http_code}", ...args)).toBe("401");
  expect(refusals).toEqual(["KRB_AP_ERR_MODIFIED"]);
});
