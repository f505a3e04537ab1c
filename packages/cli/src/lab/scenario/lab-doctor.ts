import {
  type AppliedPlan,
  applyPlan,
  type Plan,
  type PlanMode,
  type Prediction,
  plan,
  predict,
} from "@waybill/doctor";
import { connectDirectory } from "../../session/connect-directory.ts";
import type { Lab } from "../lab.ts";
import { signInToLab } from "../lab-domain.ts";
import type { Route } from "./scenario.ts";

/** The doctor's word on one move of the lab: what the KDC will say, and why. */
export async function labPredict(lab: Lab, route: Route): Promise<Prediction> {
  return predict({
    view: await lab.domain.view(),
    profile: lab.domain.profile,
    person: route.as,
    source: `${route.from.toUpperCase()}$`,
    destination: `${route.to.toUpperCase()}$`,
    start: route.via !== undefined ? "via-management-server" : route["at-source"] ? "at-source" : "remote",
    ...(route.via === undefined ? {} : { managementServer: `${route.via.toUpperCase()}$` }),
    spellings: ["full"],
  });
}

export async function labPlan(lab: Lab, route: Route, mode: PlanMode): Promise<Plan> {
  const from = `${route.from.toUpperCase()}$`;
  const to = `${route.to.toUpperCase()}$`;
  return plan({
    view: await lab.domain.view(),
    profile: lab.domain.profile,
    pairs: [{ from, to }],
    people: [route.as],
    mode,
    start: "remote",
  });
}

/** Writes a plan over LDAP, as the domain's administrator. */
export async function labApply({ domain, workstation }: Lab, wanted: Plan): Promise<AppliedPlan> {
  const ldap = await connectDirectory(await signInToLab(domain, "Administrator", workstation), workstation);
  try {
    return await applyPlan(ldap, wanted);
  } finally {
    ldap.close();
  }
}
