import { type CallOptions, WsmanError } from "@waybill/wsman";
import { ComputerSystem } from "../classes/computer-system.ts";
import { WaybillHostStatus } from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import { describeReturnValue, ReturnValue } from "../registry/return-codes.ts";
import type { AnyWmiClass, Instance } from "../schema/wmi-class.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import { JobHandle } from "./job-handle.ts";
import type { WmiSession } from "./wmi-session.ts";

/** What all parts of the client need of one host: its session, its services, and what its answers mean. */
export class HostAccess {
  readonly host: string;
  readonly session: WmiSession;
  #isWaybill: boolean | undefined;
  readonly #services = new Map<string, WmiReference>();

  constructor(host: string, session: WmiSession) {
    this.host = host;
    this.session = session;
  }

  /** Whether the host has Waybill's own classes. Asked once. */
  async isWaybill(options: CallOptions = {}): Promise<boolean> {
    if (this.#isWaybill === undefined) await this.selectOwn(WaybillHostStatus, undefined, options);
    return this.#isWaybill === true;
  }

  /** Instances of a class that only Waybill hosts have; undefined from a host that is none. */
  async selectOwn<C extends AnyWmiClass>(
    schema: C,
    where: string | undefined,
    options: CallOptions,
  ): Promise<readonly Instance<C>[] | undefined> {
    if (this.#isWaybill === false) return undefined;
    try {
      const found = await this.session.select(schema, where, options);
      this.#isWaybill = true;
      return found;
    } catch (error) {
      // A first fault that is an answer means that there are no such classes; anything else says nothing about that.
      const answered =
        error instanceof WsmanError && error.fault !== undefined && error.fault.subcode !== "TimedOut";
      if (this.#isWaybill === true || !answered) throw error;
      this.#isWaybill = false;
      return undefined;
    }
  }

  /** @throws HyperVError `NOT_A_WAYBILL_HOST` on Hyper-V. */
  async needWaybill(what: string, options: CallOptions): Promise<void> {
    if (await this.isWaybill(options)) return;
    throw new HyperVError(`${this.host} is no Waybill host: it has no ${what}`, {
      code: "NOT_A_WAYBILL_HOST",
      family: "caller",
      facts: { host: this.host },
    });
  }

  /** The one instance of a service class. */
  async service(schema: AnyWmiClass, options: CallOptions): Promise<WmiReference> {
    const known = this.#services.get(schema.className);
    if (known !== undefined) return known;
    const [instance] = await this.session.select(schema, undefined, options);
    if (instance === undefined) {
      throw this.missing(
        "SERVICE_MISSING",
        `${this.host} has no ${schema.className}: is it a virtualization host?`,
      );
    }
    const reference = schema.referenceTo(instance);
    this.#services.set(schema.className, reference);
    return reference;
  }

  /** Undefined when the method completed, a handle when it started a job. @throws HyperVError when it refused. */
  outcome(
    output: { readonly ReturnValue: number; readonly Job?: WmiReference | undefined },
    what: string,
  ): JobHandle | undefined {
    const { ReturnValue: value, Job: job } = output;
    if (value === ReturnValue.completed) return undefined;
    if (value === ReturnValue.jobStarted && job !== undefined) return this.handle(job);
    throw new HyperVError(`${this.host} refused ${what}: ${describeReturnValue(value)}`, {
      code: value === ReturnValue.accessDenied ? "ACCESS_DENIED" : "METHOD_REFUSED",
      family: "peer",
      returnValue: value,
      ...(value === ReturnValue.accessDenied ? { hresult: 0x80070005 } : {}),
      facts: { host: this.host },
    });
  }

  handle(reference: WmiReference): JobHandle {
    return new JobHandle(this, reference);
  }

  missing(code: string, message: string): HyperVError {
    return new HyperVError(message, { code, family: "caller", facts: { host: this.host } });
  }
}

export function vmReference(vmId: string): WmiReference {
  return ComputerSystem.referenceBy({ CreationClassName: ComputerSystem.className, Name: vmId });
}
