import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { mustWork, TestLab } from "./support/lab.ts";
import { runToEnd, waybillCommand } from "./support/waybill.ts";

// waybill doctor --hosts with two hosts that run, one that is gone, and one that is no host at all.
const lab = TestLab.prepare();
const servers: Server[] = [];

beforeAll(async () => {
  await lab.up();
  mustWork(await lab.program("kinit", ["alice"], lab.password("alice")));
});

afterAll(async () => {
  for (const server of servers) server.close();
  await lab.end();
});

interface Answer {
  readonly findings: readonly { readonly id: string; readonly severity: string; readonly cause: string }[];
  readonly hostSettings: readonly Record<string, unknown>[];
}

/** Asks with the lab's workstation file, in which some hosts may be elsewhere. */
async function ask(
  elsewhere: Readonly<Record<string, { address: string; port: number }>> = {},
): Promise<Answer> {
  const config = parse(readFileSync(lab.environment.WAYBILL_CONFIG ?? "", "utf8")) as { hosts: object };
  const path = join(lab.state, "doctor.yaml");
  writeFileSync(path, stringify({ ...config, hosts: { ...config.hosts, ...elsewhere } }));
  const [program = "", ...before] = waybillCommand;
  const { stdout, stderr } = await runToEnd(
    program,
    [...before, "doctor", "--hosts", "--person", "alice", "--host", "kvm01", "kvm02", "--json"],
    { env: { ...lab.environment, WAYBILL_CONFIG: path } },
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Answer;
}

const about = ({ findings }: Answer): string[] =>
  findings
    .filter(({ id }) => id.startsWith("host-"))
    .map(({ id, severity }) => `${id} ${severity}`)
    .sort();

async function nonsense(answer: (socket: Socket) => void): Promise<{ address: string; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    answer(socket);
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  const at = server.address();
  return { address: "127.0.0.1", port: typeof at === "object" ? (at?.port ?? 0) : 0 };
}

test("hosts that are as they should be", async () => {
  const answer = await ask();
  expect(about(answer)).toEqual([]);
  expect(answer.hostSettings).toMatchObject(
    ["kvm01", "kvm02"].map((name) => ({
      name: `${name}.lab.test`,
      kind: "waybill",
      settings: { enabled: true, authentication: "kerberos", maximumMigrations: 2 },
      networks: [],
      evidence: "auto",
      listener: "open",
      migrationPort: "open",
    })),
  );
});

test("settings that stand in the way, and evidence that the directory does not allow for", async () => {
  mustWork(
    await lab.waybill("host", "settings", "kvm01", "--disable-migration", "--maximum-migrations", "1"),
  );
  const file = join(lab.state, "kvm02", "host.yaml");
  const before = readFileSync(file, "utf8");
  writeFileSync(file, stringify({ ...(parse(before) as object), evidence: "s4u2self" }));
  try {
    const answer = await ask();
    expect(about(answer)).toEqual([
      "host-delegation-disagrees error",
      "host-evidence-s4u notice",
      "host-limit-low notice",
      "host-migration-off error",
    ]);
    expect(answer.findings.find(({ id }) => id === "host-delegation-disagrees")?.cause).toContain(
      "kvm02.lab.test uses S4U2Self (evidence: s4u2self) while its account may use Kerberos only",
    );
  } finally {
    writeFileSync(file, before);
    mustWork(
      await lab.waybill("host", "settings", "kvm01", "--enable-migration", "--maximum-migrations", "2"),
    );
  }
});

test("a host that is gone, and the other is told of all the same", async () => {
  const answer = await ask({ "kvm02.lab.test": { address: "127.0.0.1", port: 1 } });
  expect(about(answer)).toEqual(["host-unreachable warning"]);
  expect(answer.hostSettings[0]).toMatchObject({ kind: "waybill", evidence: "auto" });
  expect(answer.hostSettings[1]).toMatchObject({ failure: { code: "WSMAN_UNREACHABLE" } });
});

test("something that talks nonsense, and something that never answers", async () => {
  const liar = await nonsense((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<nonsense"),
  );
  const silent = await nonsense(() => {});
  const started = Date.now();
  const answer = await ask({ "kvm01.lab.test": liar, "kvm02.lab.test": silent });
  expect(Date.now() - started).toBeLessThan(90_000);
  expect(about(answer).filter((one) => one.startsWith("host-unreachable"))).toHaveLength(2);
  const causes = answer.findings.filter(({ id }) => id === "host-unreachable").map(({ cause }) => cause);
  for (const cause of causes) expect(cause).toMatch(/listens on 127\.0\.0\.1:\d+, but could not be asked/);
});

test("as text: a line for each host, and the findings", async () => {
  const { stdout } = await lab.waybill(
    "doctor",
    "--hosts",
    "--person",
    "alice",
    "--from",
    "kvm01",
    "--to",
    "kvm02",
  );
  expect(stdout).toMatch(/kvm01\.lab\.test +waybill +kerberos +on +2 +auto +any +open/);
});
