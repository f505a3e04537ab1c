import { type Clock, type EpochMs, systemClock } from "@waybill/base";
import {
  type Credential,
  type KerberosClient,
  type Keytab,
  type Principal,
  parsePrincipal,
} from "@waybill/kerberos";

const renewBefore = 10 * 60_000;
/** A ticket younger than this says what the directory says now. */
const youngest = 5000;

/** The host's own computer account: its ticket-granting ticket, fetched with the keytab when needed. */
export class HostIdentity {
  /** Full DNS name. */
  readonly host: string;
  readonly principal: Principal;
  readonly #client: KerberosClient;
  readonly #keytab: () => Keytab;
  readonly #clock: Clock;
  #tgt: Promise<Credential> | undefined;
  #since: EpochMs = 0;

  /**
   * @param host full DNS name; the account is its first label in capitals and a dollar sign.
   * @param keytab read anew at each login, so that a changed machine password is picked up.
   */
  constructor(
    host: string,
    realm: string,
    client: KerberosClient,
    keytab: () => Keytab,
    clock: Clock = systemClock,
  ) {
    this.host = host;
    const label = host.split(".")[0] ?? host;
    this.principal = parsePrincipal(`${label.toUpperCase()}$@${realm}`);
    this.#client = client;
    this.#keytab = keytab;
    this.#clock = clock;
  }

  async ticketGrantingTicket(signal?: AbortSignal): Promise<Credential> {
    const held = await this.#tgt?.catch(() => undefined);
    if (held !== undefined && held.endTime - renewBefore > this.#clock.now()) return held;
    const login = this.#client.login(
      { principal: this.principal, keytab: this.#keytab(), forwardable: true },
      { signal },
    );
    this.#tgt = login;
    this.#since = this.#clock.now();
    return await login;
  }

  /** Drops the held ticket unless it is new; returns whether it did. */
  purgeIfOld(): boolean {
    if (this.#tgt === undefined || this.#clock.now() - this.#since < youngest) return false;
    this.purge();
    return true;
  }

  /** Drops the held ticket: after the directory or the machine password changed. */
  purge(): void {
    this.#tgt = undefined;
    this.#client.cache.clear();
  }
}
