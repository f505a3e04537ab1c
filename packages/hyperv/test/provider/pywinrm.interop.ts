import { join } from "node:path";
import { readKeytab } from "@waybill/kerberos";
import {
  Action,
  Dialect,
  type Envelope,
  element,
  type HttpListener,
  listenHttp,
  WsmanServer,
  writeEnumerate,
  writeEnvelope,
  writeXml,
} from "@waybill/wsman";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MitRealm } from "../../../kerberos/test/support/mit-realm.ts";
import { run } from "../../../kerberos/test/support/processes.ts";
import { GssBroker } from "../../../wsman/test/support/gss-broker.ts";
import { pywinrm as overPywinrm, type PywinrmAnswer } from "../../../wsman/test/support/pywinrm.ts";
import {
  ComputerSystem,
  HyperVProvider,
  resourceUriOf,
  VirtualSystemMigrationService,
  VirtualSystemMigrationSettingData,
  virtualizationNamespace,
} from "../../src/index.ts";
import { MemoryHost, web01 } from "../support/memory-host.ts";

const dnsName = "kvm01.mit.test";
let realm: MitRealm;
let host: MemoryHost;
let listener: HttpListener;
let env: Record<string, string>;

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [{ name: "alice", password: "alice-pw" }, { name: `WSMAN/${dnsName}` }],
  });
  const keytab = await readKeytab(await realm.exportKeytab(`WSMAN/${dnsName}`));
  host = new MemoryHost();
  const server = new WsmanServer({ provider: new HyperVProvider(host), broker: new GssBroker(keytab) });
  listener = await listenHttp({ server, host: "127.0.0.1", port: 0 });
  env = { ...realm.env, KRB5CCNAME: join(realm.directory, "cc"), no_proxy: "127.0.0.1" };
  await run("kinit", ["alice"], { env, input: "alice-pw\n" });
});
afterAll(async () => {
  await listener?.close();
  await realm?.stop();
});

const pywinrm = async (...envelopes: Envelope[]): Promise<PywinrmAnswer[]> =>
  await overPywinrm(
    { endpoint: `http://127.0.0.1:${listener.port}/wsman`, host: dnsName, principal: "alice@MIT.TEST", env },
    ...envelopes.map((envelope, index) =>
      writeXml(writeEnvelope({ messageId: `uuid:${index}`, ...envelope })),
    ),
  );

describe("a WMI client that is not ours (pywinrm, encrypted)", () => {
  it("queries virtual machines, starts a migration, follows its job and stops it", async () => {
    const service = VirtualSystemMigrationService;
    const { input } = service.methods.MigrateVirtualSystemToHost;
    const uri = service.resourceUri;
    const reference = ComputerSystem.referenceBy({ CreationClassName: "Msvm_ComputerSystem", Name: web01 });
    const settings = VirtualSystemMigrationSettingData.writeEmbedded({ MigrationType: 32768 });
    const [query, migration] = await pywinrm(
      {
        action: Action.enumerate,
        resourceUri: resourceUriOf(virtualizationNamespace, "*"),
        body: writeEnumerate({
          mode: "objects",
          optimized: 20,
          filter: { dialect: Dialect.wql, text: "select * from Msvm_ComputerSystem where EnabledState = 2" },
        }),
      },
      {
        action: `${uri}/MigrateVirtualSystemToHost`,
        resourceUri: uri,
        body: element(
          uri,
          "MigrateVirtualSystemToHost_INPUT",
          ...input.ComputerSystem.write(uri, "ComputerSystem", reference),
          element(uri, "DestinationHost", "kvm02.mit.test"),
          element(uri, "MigrationSettingData", settings),
        ),
      },
    );
    expect(query?.answer).toContain("<p:ElementName>web01</p:ElementName>");
    expect(migration?.answer).toContain("<p:ReturnValue>4096</p:ReturnValue>");
    expect(host.requests).toMatchObject([{ vmId: web01, destinationHost: "kvm02.mit.test", type: "vm" }]);

    const [id = ""] = host.jobs.keys();
    const jobUri = resourceUriOf(virtualizationNamespace, "Msvm_MigrationJob");
    const selectors = { InstanceID: id };
    const [look, stop, after] = await pywinrm(
      { action: Action.get, resourceUri: jobUri, selectors },
      {
        action: `${jobUri}/RequestStateChange`,
        resourceUri: jobUri,
        selectors,
        body: element(jobUri, "RequestStateChange_INPUT", element(jobUri, "RequestedState", "4")),
      },
      { action: Action.get, resourceUri: jobUri, selectors: { InstanceID: "gone" } },
    );
    expect(look?.answer).toContain("<p:JobState>4</p:JobState>");
    expect(stop?.answer).toContain("<p:ReturnValue>0</p:ReturnValue>");
    expect(after?.error).toContain("there is no such Msvm_MigrationJob");
    expect(host.jobs.get(id)?.state).toBe("terminated");
  });
});
