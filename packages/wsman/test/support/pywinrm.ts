import { run } from "../../../kerberos/test/support/processes.ts";

export interface PywinrmPeer {
  /** Such as `http://127.0.0.1:5985/wsman`. */
  readonly endpoint: string;
  /** The service's full name. */
  readonly host: string;
  readonly principal: string;
  readonly env: Readonly<Record<string, string>>;
  /** The service class of the name; `WSMAN` unless given. */
  readonly service?: string;
  /** pywinrm's `message_encryption`; `always` unless given. */
  readonly encryption?: "always" | "auto";
}

export interface PywinrmAnswer {
  readonly answer?: string;
  readonly error?: string;
}

const script = new URL("pywinrm-peer.py", import.meta.url).pathname;

/** Sends envelopes with pywinrm, one after another on one connection. */
export async function pywinrm(peer: PywinrmPeer, ...envelopes: readonly string[]): Promise<PywinrmAnswer[]> {
  const { endpoint, service = "WSMAN", host, principal, env, encryption = "always" } = peer;
  // Debian's Python, which has the packages.
  const output = await run("/usr/bin/python3", [script, endpoint, service, host, principal, encryption], {
    env,
    input: JSON.stringify(envelopes),
  });
  return JSON.parse(output) as PywinrmAnswer[];
}
