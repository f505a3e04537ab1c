import { type AppliedPlan, applyPlan, type Plan, type Prediction, plan, predict } from "@waybill/doctor";
import type { EvidenceMode } from "@waybill/host";
import { parsePrincipal } from "@waybill/kerberos";
import { kerberosBind, LdapClient } from "@waybill/ldap";
import type { Lab } from "../lab.ts";
import { fullLabName, labAddress, labPorts, labRealm } from "../layout.ts";
import type { Route } from "./scenario.ts";

type PlanMode = NonNullable<Parameters<typeof plan>[0]["mode"]>;

/** The doctor's word on one move of the lab: what the KDC will say, and why. */
export function labPredict(lab: Lab, route: Route, evidence: EvidenceMode): Prediction {
  return predict({
    view: lab.domain.directory,
    person: route.as,
    source: `${route.from.toUpperCase()}$`,
    destination: `${route.to.toUpperCase()}$`,
    start: route.via !== undefined ? "via-management-server" : route["at-source"] ? "at-source" : "remote",
    ...(route.via === undefined ? {} : { managementServer: `${route.via.toUpperCase()}$` }),
    // "auto" shows the person's own ticket where there is one, and in the lab there always is.
    evidence: evidence === "s4u2self" ? "s4u2self" : "ticket",
    spellings: ["full"],
  });
}

export function labPlan(lab: Lab, route: Route, evidence: EvidenceMode, mode: PlanMode): Plan {
  const from = `${route.from.toUpperCase()}$`;
  const to = `${route.to.toUpperCase()}$`;
  return plan({
    view: lab.domain.directory,
    pairs: [{ from, to }],
    people: [route.as],
    mode,
    evidence: evidence === "s4u2self" ? "s4u2self" : "ticket",
    start: "remote",
  });
}

/** Writes a plan over LDAP, as the domain's administrator. */
export async function labApply(lab: Lab, wanted: Plan): Promise<AppliedPlan> {
  const { client } = lab.workstation;
  const tgt = await lab.domain.signIn("Administrator", lab.workstation);
  const address = labAddress(lab.layout, "dc1");
  const ldap = await LdapClient.connect({ url: `ldap://${address}:${labPorts.ldap}` });
  try {
    const getTicket = async () => {
      const server = parsePrincipal(`ldap/${fullLabName("dc1")}@${labRealm}`);
      return await client.getTicket({ tgt, server });
    };
    await ldap.bindSasl(kerberosBind({ getTicket }));
    return await applyPlan(ldap, wanted);
  } finally {
    ldap.close();
  }
}
