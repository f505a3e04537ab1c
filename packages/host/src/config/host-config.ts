import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import * as v from "valibot";
import { rights } from "../authorization/authorizer.ts";
import { HostError } from "../errors.ts";
import { parseYaml } from "./parse-yaml.ts";

const text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096));
const address = v.pipe(
  text,
  v.check((value) => isIP(value) !== 0, "expected an IP address"),
);
const userName = v.pipe(text, v.regex(/^[a-z_][a-z0-9_.-]*\$?$/i, "expected the name of a user"));
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535));

/** In seconds. A source gives up by itself after 30 s in which nothing moves. */
export const defaultStallTimeout = 120;

const accessRule = v.strictObject({
  who: v.array(text),
  may: v.array(v.picklist(rights)),
  vms: v.optional(v.array(text)),
});

const networkAttachment = v.variant("kind", [
  v.strictObject({ kind: v.literal("user") }),
  v.strictObject({ kind: v.literal("stream"), path: text }),
  v.strictObject({ kind: v.literal("datagram"), host: address, port }),
  v.strictObject({ kind: v.literal("tap"), interface: text }),
]);

/** How the service proves to a destination that it acts for a person. */
export const evidenceModes = ["ticket", "s4u2self", "auto"] as const;
export type EvidenceMode = (typeof evidenceModes)[number];

const schema = v.strictObject({
  /** The host's full DNS name; its computer account and SPNs carry it. */
  host: v.pipe(
    text,
    v.regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "expected a full name such as kvm01.example.com"),
  ),
  realm: v.pipe(text, v.toUpperCase()),
  keytab: text,
  "krb5-conf": v.optional(text),
  state: text,
  /** Where sockets live: a short path, since Unix socket names are limited to 107 bytes. */
  run: v.optional(text),
  /** WinRM over HTTP, where Kerberos encrypts every message, and with a certificate over HTTPS as well. */
  listen: v.optional(
    v.strictObject({
      address: v.optional(address, "0.0.0.0"),
      port: v.optional(port, 5985),
      /** PEM files that the listener's user can read: the certificate with its chain, and its key. */
      tls: v.optional(
        v.strictObject({
          certificate: text,
          key: text,
          port: v.optional(port, 5986),
          /** Bindings to the TLS connection (RFC 5929): those that a client sends must be right; or it must send them. */
          "channel-bindings": v.optional(v.picklist(["when-sent", "required"]), "when-sent"),
        }),
      ),
    }),
  ),
  migration: v.optional(
    v.strictObject({
      address,
      port: v.optional(port, 6600),
      data: v.optional(address),
      /** How long a machine may be on its way here while nothing of it arrives, in seconds. */
      "stall-timeout": v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(86_400)), defaultStallTimeout),
    }),
  ),
  /** Where another host's migration service listens when it is not on port 6600 of its DNS name. */
  peers: v.optional(v.record(text, v.strictObject({ address, port: v.optional(port, 6600) })), {}),
  /** The domain controller that names of the access list are asked from, when DNS does not say. */
  directory: v.optional(v.strictObject({ address, port: v.optional(port, 389), name: text })),
  evidence: v.optional(v.picklist(evidenceModes), "auto"),
  access: v.optional(v.array(accessRule), []),
  groups: v.optional(v.record(text, v.array(text)), {}),
  "require-proof-of-identity": v.optional(v.boolean(), false),
  "delegating-hosts": v.optional(v.array(text)),
  /** Let people in who signed in at the source and come with their own ticket, as Hyper-V does. */
  "accept-direct": v.optional(v.boolean(), false),
  "qemu-binary": v.optional(text),
  accelerator: v.optional(v.picklist(["auto", "kvm", "tcg"]), "auto"),
  /** The unprivileged user QEMU runs as. Needs root, and a `run` folder outside `state`. */
  "run-as": v.optional(userName),
  /** The unprivileged user the listener runs as; it alone may open the service's socket then. */
  "listener-user": v.optional(userName),
  /** Folders that VM definitions may take disks, kernels and firmware from. */
  storage: v.optional(v.array(text), ["/var/lib/waybill"]),
  /** What the networks of VM definitions are called here: name → where their frames go. */
  networks: v.optional(v.record(text, networkAttachment), {}),
  "restart-crashed": v.optional(v.boolean(), true),
  metrics: v.optional(v.strictObject({ address, port })),
});

export type HostConfig = v.InferOutput<typeof schema>;

/**
 * Reads a host's configuration file (YAML).
 *
 * @throws HostError `CONFIG_UNREADABLE` or `CONFIG_INVALID`, naming the entry.
 */
export function readHostConfig(path: string): HostConfig {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (cause) {
    throw new HostError(`cannot read the host configuration ${path}`, {
      code: "CONFIG_UNREADABLE",
      family: "environment",
      remedy: "Create it with `waybill host setup`, or give its path with --config.",
      cause,
    });
  }
  return parseHostConfig(source, path);
}

export function parseHostConfig(source: string, path = "configuration"): HostConfig {
  const config = parseYaml(schema, source, (problem, cause) => invalid(path, problem, cause));
  const { run, "run-as": runAs, "listener-user": listener } = config;
  // The state folder is closed to everybody, and they have to reach their sockets.
  if (run === undefined && (runAs ?? listener) !== undefined)
    throw invalid(path, 'run: needed with run-as and listener-user, such as "/run/waybill"', undefined);
  return config;
}

function invalid(path: string, problem: string, cause: unknown): HostError {
  return new HostError(`the host configuration ${path} is not valid: ${problem}`, {
    code: "CONFIG_INVALID",
    family: "caller",
    remedy: "Correct the entry; `waybill host check` tests the file without starting anything.",
    cause,
  });
}
