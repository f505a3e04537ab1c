import { createServer, type Server } from "node:net";
import { sleep, WaybillError } from "@waybill/base";
import {
  type HostReading,
  type HostSession,
  type HostSettings,
  hostFindings,
  probePort,
  surveyHosts,
} from "@waybill/doctor";
import { activeDirectory } from "@waybill/kdc";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seedDomain } from "../support/domain.ts";

// Hosts as they say they are; what real ones say is tested with a whole lab.

const usual: HostSettings = {
  enabled: true,
  maximumMigrations: 2,
  maximumStorageMigrations: 2,
  authentication: "kerberos",
};
const anywhere = [{ subnet: "0.0.0.0", prefixLength: 0 }];
let view: ReturnType<typeof seedDomain>;
let listening: Server;
let open: { address: string; port: number };

beforeEach(async () => {
  view = seedDomain();
  view.setDelegation("KVM01", { protocol: "any" });
  listening = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  const address = listening.address();
  open = { address: "127.0.0.1", port: typeof address === "object" ? (address?.port ?? 0) : 0 };
});

afterEach(() => void listening.close());

function session(
  parts: Partial<HostSession> & { evidence?: string; settings?: Partial<HostSettings> } = {},
): HostSession {
  const { evidence, settings, ...rest } = parts;
  return {
    isWaybill: async () => evidence !== undefined,
    migrationSettings: async () => ({ ...usual, ...settings }),
    migrationNetworks: async () => anywhere,
    hostStatus: async () => ({ host: "kvm01.lab.test", evidenceMode: evidence ?? "" }),
    close: () => {},
    ...rest,
  };
}

const survey = async (
  host: HostSession | (() => Promise<HostSession>),
  options = {},
): Promise<HostReading[]> =>
  await surveyHosts({
    view,
    hosts: [view.bySam("KVM01$")!],
    address: () => open,
    migrationPort: open.port,
    connect: async () => (typeof host === "function" ? await host() : host),
    ...options,
  });
const ids = async (host: HostSession | (() => Promise<HostSession>), options = {}) =>
  hostFindings(view, activeDirectory, await survey(host, options)).map(
    ({ id, severity }) => `${id} ${severity}`,
  );

describe("a host that was asked", () => {
  it("and is as it should be gives no finding", async () => {
    expect(await ids(session())).toEqual([]);
  });

  it.each([
    ["CredSSP", { settings: { authentication: "credSsp" } }, ["host-credssp error"]],
    ["migration off", { settings: { enabled: false } }, ["host-migration-off error"]],
    ["one at a time", { settings: { maximumMigrations: 1 } }, ["host-limit-low notice"]],
    ["none at a time", { settings: { maximumMigrations: 0 } }, ["host-limit-low warning"]],
    ["no network", { migrationNetworks: async () => [] }, ["host-networks-none warning"]],
  ] as const)("%s", async (_, parts, expected) => {
    expect(await ids(session(parts))).toEqual(expected);
  });

  it("says in PowerShell what to do on Windows, and with our command on ours", async () => {
    const windows = hostFindings(
      view,
      activeDirectory,
      await survey(session({ settings: { authentication: "credSsp" } })),
    );
    expect(windows[0]?.remedies[0]?.powershell).toEqual([
      "Set-VMHost -VirtualMachineMigrationAuthenticationType Kerberos -ComputerName 'KVM01'",
    ]);
    view.setDelegation("KVM01", { protocol: "kerberos" });
    const ours = session({
      evidence: "auto",
      settings: { enabled: false },
      migrationNetworks: async () => [],
    });
    const [own, ...more] = hostFindings(view, activeDirectory, await survey(ours));
    expect(own?.remedies[0]?.summary).toContain("waybill host settings KVM01 --enable-migration");
    expect(more).toEqual([]);
  });
});

describe("migration networks", () => {
  const apart = async (one: string, other: string): Promise<string[]> => {
    const networks = [one, other].map((text) => {
      const [subnet = "", prefix = "0"] = text.split("/");
      return [{ subnet, prefixLength: Number(prefix) }];
    });
    let next = 0;
    const readings = await surveyHosts({
      view,
      hosts: [view.bySam("KVM01$")!, view.bySam("KVM01$")!],
      address: () => open,
      migrationPort: open.port,
      connect: () => session({ migrationNetworks: async () => networks[next++] ?? [] }),
    });
    return hostFindings(view, activeDirectory, readings).map(({ id }) => id);
  };

  it("have to have something in common", async () => {
    expect(await apart("10.0.1.0/24", "10.0.2.0/24")).toEqual(["host-networks-apart", "host-networks-apart"]);
    expect(await apart("10.0.1.0/24", "10.0.0.0/16")).toEqual([]);
    expect(await apart("0.0.0.0/0", "10.0.2.0/24")).toEqual([]);
    expect(await apart("fd00:1::/64", "fd00:2::/64")).toHaveLength(2);
    expect(await apart("fd00:1::/64", "fd00::/16")).toEqual([]);
    expect(await apart("fd00:1::/64", "10.0.0.0/8")).toHaveLength(2);
    expect(await apart("10.0.1.0/200", "10.0.2.0/-1")).toHaveLength(2);
    expect(await apart("not an address/1", "10.0.0.0/8")).toHaveLength(2);
  });
});

describe("a host and its account", () => {
  it("disagree when the host uses S4U2Self and the account may use Kerberos only", async () => {
    view.setDelegation("KVM01", { protocol: "kerberos" });
    expect(await ids(session())).toEqual(["host-delegation-disagrees error"]);
    expect(await ids(session({ evidence: "s4u2self" }))).toEqual([
      "host-evidence-s4u notice",
      "host-delegation-disagrees error",
    ]);
    expect(await ids(session({ evidence: "auto" }))).toEqual([]);
  });

  it("disagree when the host needs less than the account may", async () => {
    expect(await ids(session({ evidence: "ticket" }))).toEqual(["host-delegation-disagrees notice"]);
  });

  it("disagree when the host uses Kerberos and may act towards nobody", async () => {
    view.setDelegation("KVM01", { to: [], protocol: "kerberos" });
    expect(await ids(session())).toEqual(["host-delegation-disagrees warning"]);
    view.setDelegation("KVM02", { from: ["KVM01"] });
    expect(await ids(session())).toEqual([]);
  });

  it("disagree when the host calls itself something else", async () => {
    view.setDelegation("KVM01", { protocol: "kerberos" });
    const hostStatus = async () => ({ host: "kvm77.lab.test\u001b[2J", evidenceMode: "auto" });
    expect(await ids(session({ evidence: "auto", hostStatus }))).toEqual(["host-delegation-disagrees error"]);
  });
});

describe("a host that cannot be asked", () => {
  const refused = async () => {
    throw new WaybillError("KVM01 refused the caller's identity (HTTP 401)", {
      code: "WSMAN_AUTHENTICATION_FAILED",
      family: "peer",
      remedy: "Check the ticket.",
    });
  };

  it("is told apart: nobody listens, or it refuses", async () => {
    const listens = hostFindings(view, activeDirectory, await survey(refused));
    expect(listens.map(({ id }) => id)).toEqual(["host-unreachable"]);
    expect(listens[0]?.cause).toContain("listens on 127.0.0.1");
    expect(listens[0]?.cause).toContain("refused the caller's identity");
    expect(listens[0]?.remedies[0]?.summary).toBe("Check the ticket.");
    const gone = await survey(refused, {
      address: () => ({ address: "127.0.0.1", port: 1 }),
      migrationPort: 1,
    });
    const [finding, ...rest] = hostFindings(view, activeDirectory, gone);
    expect(finding?.cause).toBe(
      "Nobody answers for kvm01.lab.test on 127.0.0.1:1: the connection was refused: nothing listens there.",
    );
    expect(rest).toEqual([]);
  });

  it("only for migrations is a closed port", async () => {
    expect(await ids(session(), { migrationPort: 1 })).toEqual(["host-port-closed error"]);
    expect(await ids(session({ settings: { enabled: false } }), { migrationPort: 1 })).toEqual([
      "host-migration-off error",
    ]);
  });

  it("because it never ends its answer costs its own time and no more", async () => {
    const hosts = [...view.accounts()].filter(({ kind }) => kind === "computer");
    const started = Date.now();
    let closed = 0;
    const readings = await surveyHosts({
      view,
      hosts: [...hosts, ...hosts, ...hosts],
      address: () => open,
      migrationPort: open.port,
      timeout: 1000,
      connect: () =>
        session({
          migrationSettings: async ({ signal }) => await sleep(60_000, signal).then(() => usual),
          close: () => void closed++,
        }),
    });
    expect(Date.now() - started).toBeLessThan(30_000);
    expect(readings.map(({ failure }) => failure?.code)).toEqual(
      Array(readings.length).fill("DEADLINE_EXCEEDED"),
    );
    expect(closed).toBe(readings.length);
  });

  it("does not stop the others, however many there are", async () => {
    let atOnce = 0;
    let most = 0;
    const slow = session({
      migrationSettings: async () => {
        most = Math.max(most, ++atOnce);
        await sleep(5);
        atOnce--;
        return usual;
      },
    });
    const hosts = Array.from({ length: 40 }, () => view.bySam("KVM01$")!);
    let count = 0;
    const readings = await surveyHosts({
      view,
      hosts,
      atOnce: 4,
      address: () => open,
      migrationPort: open.port,
      connect: async () => (++count % 5 === 0 ? await refused() : slow),
    });
    expect(most).toBeLessThanOrEqual(4);
    expect(readings.filter(({ failure }) => failure !== undefined)).toHaveLength(8);
  });
});

describe("a port", () => {
  it("is open, refused, or of a name without address", async () => {
    expect(await probePort(open, { timeout: 20_000 })).toBeUndefined();
    expect(await probePort({ address: "127.0.0.1", port: 1 }, { timeout: 20_000 })).toContain(
      "nothing listens",
    );
    expect(await probePort({ address: "no-such-host.invalid", port: 1 }, { timeout: 30_000 })).toContain(
      "the name has no address",
    );
  });
});
