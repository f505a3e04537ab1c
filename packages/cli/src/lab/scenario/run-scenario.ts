import { WaybillError } from "@waybill/base";
import type { AppliedPlan, Plan, Prediction } from "@waybill/doctor";
import { type EvidenceMode, formatHresult } from "@waybill/host";
import type { AuditRecord, JobProgress } from "@waybill/hyperv";
import { hostLabel } from "../../output/audit-table.ts";
import type { Lab } from "../lab.ts";
import { hostSystems } from "../lab-domain.ts";
import { changeLabHost, writeLabHost } from "../lab-host.ts";
import { labHosts } from "../layout.ts";
import { labApply, labPlan, labPredict } from "./lab-doctor.ts";
import { labMachine, labMove, type MoveOutcome } from "./lab-move.ts";
import type { AuditStep, DoctorStep, MoveStep, Route, Scenario, ScenarioStep } from "./scenario.ts";

/** Told what happens, as it happens. */
export interface Narrator {
  title(scenario: Scenario): void;
  say(text: string): void;
  /** A setting has changed. */
  changed(what: string): void;
  moving(route: Route): void;
  progress(progress: JobProgress): void;
  moved(route: Route, outcome: MoveOutcome): void;
  /** Who moved what, as both hosts wrote it down, in the order of time. */
  recorded(records: readonly AuditRecord[]): void;
  diagnosed(route: Route, prediction: Prediction): void;
  /** What a repair would change, before it does. */
  planned(route: Route, plan: Plan): void;
  repaired(applied: AppliedPlan): void;
  /** What a step should have come to, and did not. */
  failed(problem: string): void;
}

export interface ScenarioResult {
  readonly scenario: string;
  /** Empty when everything was as expected. */
  readonly problems: readonly string[];
}

/** Plays one scenario in a lab, from the lab's usual settings, and puts them back at its end unless aborted. */
export async function runScenario(
  lab: Lab,
  scenario: Scenario,
  narrator: Narrator,
  signal?: AbortSignal,
): Promise<ScenarioResult> {
  const run = new ScenarioRun(lab, scenario, narrator);
  await run.prepare();
  narrator.title(scenario);
  try {
    for (const step of scenario.steps) {
      signal?.throwIfAborted();
      await run.step(step);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof WaybillError)) throw error;
    run.fail(`a step could not be carried out: ${error.message}`);
  } finally {
    if (signal?.aborted !== true) await run.restore();
  }
  return { scenario: scenario.name, problems: run.problems };
}

class ScenarioRun {
  readonly problems: string[] = [];
  readonly #lab: Lab;
  readonly #narrator: Narrator;
  readonly #scenario: Scenario;
  /** Hosts that must start anew to forget what this scenario did to them. */
  readonly #disturbed = new Set<string>();

  constructor(lab: Lab, scenario: Scenario, narrator: Narrator) {
    this.#lab = lab;
    this.#narrator = narrator;
    this.#scenario = scenario;
  }

  async prepare(): Promise<void> {
    await this.#bringHome();
    await this.#setEvidence(this.#scenario.evidence);
  }

  /** The machine goes back to kvm01, the directory and the hosts to what they were. */
  async restore(): Promise<void> {
    const { domain, accelerator } = this.#lab;
    await domain.reset();
    for (const host of labHosts) await writeLabHost(domain, host, accelerator, "auto");
    await this.#restart([...this.#disturbed]);
    await this.#bringHome();
  }

  async step(step: ScenarioStep): Promise<void> {
    const { domain, layout } = this.#lab;
    if ("say" in step) this.#narrator.say(step.say);
    else if ("directory" in step) {
      await domain.apply(step.directory);
      this.#narrator.changed(`directory: ${describe(step.directory)}`);
    } else if ("evidence" in step) {
      await this.#setEvidence(step.evidence);
      this.#narrator.changed(`hosts: evidence: ${step.evidence}`);
    } else if ("hosts" in step) {
      for (const [host, changes] of Object.entries(step.hosts)) {
        this.#disturbed.add(host);
        changeLabHost(layout, host, changes);
      }
      await this.#restart(Object.keys(step.hosts));
      this.#narrator.changed(`hosts: ${describe(step.hosts)}`);
    } else if ("clock" in step) {
      for (const [host, seconds] of Object.entries(step.clock)) {
        this.#disturbed.add(host);
        await this.#lab.restartHost(host, seconds * 1000);
      }
      this.#narrator.changed(`clocks: ${describe(step.clock)} seconds off`);
    } else if ("restart" in step) await this.#restart(step.restart);
    else if ("move" in step) await this.#move(step);
    else if ("doctor" in step) await this.#diagnose(step);
    else if ("audit" in step) await this.#audit(step);
    else await this.#repair(step.repair, step.repair.mode);
  }

  async #move(step: MoveStep): Promise<void> {
    const { move } = step;
    const expect = this.#expected(step);
    if (expect === "skipped") return;
    this.#narrator.moving(move);
    const outcome = await labMove(this.#lab, move, (progress) => this.#narrator.progress(progress));
    this.#narrator.moved(move, outcome);
    if (expect === "moved") {
      if (!outcome.moved) this.fail(`${route(move)} should have worked: ${outcome.message ?? ""}`);
      return;
    }
    if (outcome.moved) return this.fail(`${route(move)} should have been refused with ${expect.refused}`);
    const code = outcome.hresult === undefined ? outcome.code : formatHresult(outcome.hresult);
    if (code !== expect.refused)
      this.fail(`${route(move)} was refused with ${code} instead of ${expect.refused}: ${outcome.message}`);
    if (expect.code !== undefined && outcome.code !== expect.code) {
      this.fail(`${route(move)} was refused as ${outcome.code} instead of ${expect.code}`);
    }
    const said = [outcome.message, outcome.remedy, ...outcome.explanation].join("\n");
    for (const words of [expect.says ?? []].flat()) {
      if (!said.includes(words)) this.fail(`the refusal of ${route(move)} does not say "${words}":\n${said}`);
    }
    if (outcome.guest.heartbeat.largestGap > undisturbed) {
      this.fail(
        `${labMachine} stood still for ${outcome.guest.heartbeat.largestGap} ms during a refused move`,
      );
    }
  }

  async #diagnose(step: DoctorStep): Promise<void> {
    const { doctor } = step;
    const expect = this.#expected(step);
    if (expect === "skipped") return;
    const prediction = await labPredict(this.#lab, doctor);
    this.#narrator.diagnosed(doctor, prediction);
    const { reason, works, sentence } = prediction;
    if (expect.works !== undefined && works !== expect.works) this.fail(`the doctor says: ${sentence}`);
    if (expect.reason !== undefined && reason?.id !== expect.reason) {
      this.fail(`the doctor names ${reason?.id ?? "nothing"} instead of ${expect.reason}: ${sentence}`);
    }
    for (const words of [expect.says ?? []].flat()) {
      if (!sentence.includes(words)) this.fail(`the doctor does not say "${words}": ${sentence}`);
    }
  }

  async #audit({ audit: { person, through } }: AuditStep): Promise<void> {
    const all = (await Promise.all(labHosts.map((host) => this.#lab.audit(host, 10)))).flat();
    const [last] = all
      .filter(({ action, outcome }) => action === "move-out" && outcome === "succeeded")
      .toSorted((left, right) => right.time - left.time);
    const records = all
      .filter(({ migration }) => migration !== undefined && migration === last?.migration)
      .toSorted((left, right) => left.time - right.time);
    this.#narrator.recorded(records);
    if (new Set(records.map(({ host }) => host)).size < labHosts.length)
      this.fail("not both hosts have a record of the move");
    for (const { host, person: named, delegatingHost = "" } of records) {
      if (named.split("@")[0] !== person || hostLabel(delegatingHost) !== through)
        this.fail(`${host} wrote down ${named} through ${delegatingHost || "no host"}`);
    }
  }

  async #repair(wanted: Route, mode: Parameters<typeof labPlan>[2]): Promise<void> {
    const plan = await labPlan(this.#lab, wanted, mode);
    this.#narrator.planned(wanted, plan);
    const applied = await labApply(this.#lab, plan);
    this.#narrator.repaired(applied);
    if (!applied.verified) this.fail("the repair was not found in the directory afterwards");
  }

  /** What must come of a step in this lab's domain; a difference is told. */
  #expected<T, S>({
    expect,
    samba,
  }: {
    expect: T;
    samba?: { because: string; expect: S } | undefined;
  }): T | S {
    if (this.#lab.domain.kind !== "samba" || samba === undefined) return expect;
    this.#narrator.changed(`on Samba: ${samba.because}`);
    return samba.expect;
  }

  /** In the hosts, and in what their accounts say of them: the doctor has only the directory to go by. */
  async #setEvidence(evidence: EvidenceMode): Promise<void> {
    await this.#lab.domain.apply({ attributes: hostSystems(evidence) });
    for (const host of labHosts) changeLabHost(this.#lab.layout, host, { evidence });
  }

  async #restart(hosts: readonly string[]): Promise<void> {
    await Promise.all(hosts.map((host) => this.#lab.restartHost(host)));
  }

  async #bringHome(): Promise<void> {
    if (await this.#lab.has("kvm01", labMachine)) return;
    for (const host of labHosts) changeLabHost(this.#lab.layout, host, { evidence: "ticket" });
    const outcome = await labMove(
      this.#lab,
      { as: "bob", from: "kvm02", to: "kvm01", via: undefined, "at-source": false },
      () => {},
    );
    if (!outcome.moved) this.fail(`${labMachine} could not be brought back to kvm01: ${outcome.message}`);
  }

  fail(problem: string): void {
    this.problems.push(problem);
    this.#narrator.failed(problem);
  }
}

/** A guest that nobody touched has heartbeats at least this often, on a busy machine, ms. */
const undisturbed = 2000;

function route({ as, from, to, via }: Route): string {
  return `${as}'s move from ${from} to ${to}${via === undefined ? "" : ` through ${via}`}`;
}

function describe(change: unknown): string {
  return JSON.stringify(change).replace(/["{}]/g, "").replaceAll(",", ", ").replaceAll(":", ": ");
}
