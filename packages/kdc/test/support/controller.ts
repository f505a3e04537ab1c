import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@waybill/base";
import { loopbackAddress } from "../../../kerberos/test/support/processes.ts";
import {
  controllerPaths,
  createControllerState,
  DomainController,
  type NewController,
} from "../../src/index.ts";

export const administratorPassword = "Adm1n-Secret!";

/** A domain controller on its usual ports on a loopback address of its own. */
export interface TestController {
  readonly controller: DomainController;
  readonly host: string;
  readonly dir: string;
  /** Environment of Kerberos and LDAP programs. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export async function startController(
  domain: Partial<NewController> = {},
  log?: Logger,
): Promise<TestController> {
  const dir = mkdtempSync(join(tmpdir(), "waybill-dc-"));
  const host = loopbackAddress();
  const state = join(dir, "state");
  await createControllerState(state, { realm: "LAB.TEST", administratorPassword, ...domain }).close();
  const controller = await DomainController.start({ state, host, log });
  writeFileSync(
    join(dir, "krb5.conf"),
    `[libdefaults]
  default_realm = LAB.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
[realms]
  LAB.TEST = {
    kdc = ${host}
    kpasswd_server = ${host}
    admin_server = ${host}
  }
`,
  );
  writeFileSync(join(dir, "ldap.conf"), `TLS_CACERT ${join(controllerPaths(state).tls, "ca.pem")}\n`);
  return {
    controller,
    host,
    dir,
    env: {
      ...process.env,
      LC_ALL: "C",
      KRB5_CONFIG: join(dir, "krb5.conf"),
      KRB5CCNAME: join(dir, "ccache"),
      LDAPCONF: join(dir, "ldap.conf"),
    },
    stop: async () => {
      await controller.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
