import type { ExplainEntry } from "../entry.ts";
import { errorPage } from "./row.ts";

interface PlatformRow {
  readonly name: string;
  readonly value?: number;
  readonly meaning: string;
  readonly causes: readonly string[];
  readonly remedy: string;
  readonly texts?: readonly (readonly string[])[];
  readonly weight: number;
}

const rows: readonly PlatformRow[] = [
  {
    name: "WSAETIMEDOUT",
    value: 0x8007274c,
    meaning: "The destination did not answer in time; this is about the network, not about delegation.",
    causes: [
      "Port 6600 is blocked, or the wrong migration network is tried first.",
      "A damaged Registry.pol (it must begin with PReg) keeps the firewall rules from being applied.",
      "The network team was not up yet when the management service started.",
    ],
    remedy:
      "Test port 6600 from the source host (`Test-NetConnection DEST -Port 6600`), then networks, policy and the start order of the service.",
    texts: [["a connection attempt failed because the connected party did not properly respond"]],
    weight: 7,
  },
  {
    name: "WSAECONNREFUSED",
    value: 0x8007274d,
    meaning: "The destination is there, and nobody listens for migrations.",
    causes: [
      "Live migration is not enabled on the destination.",
      "The listener is off: its networks are gone or its policy was not applied.",
    ],
    remedy: "`Enable-VMMigration` on the destination, `gpupdate`, then `netstat -ano | findstr 6600`.",
    texts: [
      ["disabled the listener for virtual machine migration connections"],
      ["no connection could be made because the target machine actively refused it"],
    ],
    weight: 8,
  },
  {
    name: "WSAECONNRESET",
    value: 0x80072746,
    meaning: "The connection was made, and the other side dropped it.",
    causes: ["A firewall or virus scanner on the way.", "The destination failed: its own log says why."],
    remedy: "Read the destination's VMMS log for the same minute, then look at firewalls between the hosts.",
    texts: [
      ["failed to send data for a virtual machine migration"],
      ["an existing connection was forcibly closed by the remote host"],
    ],
    weight: 6,
  },
  {
    name: "WSAEACCES",
    value: 0x8007271d,
    meaning: "This machine's own firewall or virus scanner did not allow the connection.",
    causes: ["A rule for outgoing connections or a network filter."],
    remedy: "Allow TCP 6600 on both hosts, and 3343 in clusters.",
    weight: 8,
  },
  {
    name: "WSAEADDRNOTAVAIL",
    value: 0x80072741,
    meaning: "An address that the migration listener should use does not exist on this host.",
    causes: [
      "The network team was not up when the management service started, or the migration network has changed.",
    ],
    remedy: "Restart the management service when the network is up, or delay its start.",
    weight: 8,
  },
  {
    name: "0x80042001",
    value: 0x80042001,
    meaning: "Migration over SMB failed while it was set up.",
    causes: [
      "On Windows Server 2019: the registry value ComputerName is not in capitals (goes with 0x8007000D).",
    ],
    remedy: "Write ComputerName in capitals, or migrate over TCP with compression.",
    weight: 8,
  },
  {
    name: "ERROR_INVALID_DATA",
    value: 0x8007000d,
    meaning: "Something that was read is not in the form it should have.",
    causes: ["With 0x80042001: the registry value ComputerName is not in capitals."],
    remedy: "Look at the error next to it.",
    weight: 3,
  },
  {
    name: "ERROR_HOST_NODE_NOT_GROUP_OWNER",
    value: 0x80071398,
    meaning: "The cluster refused: networks or owner nodes do not allow the move.",
    causes: ["The destination is no possible owner, or the cluster's migration networks leave it out."],
    remedy: "Check possible owners of the role and the networks for live migration in the cluster.",
    weight: 7,
  },
  {
    name: "ERROR_CLUSTER_NETWORK_NOT_FOUND",
    value: 0x000013ab,
    meaning: "The cluster has no network by that name.",
    causes: ["The list of networks for live migration names one that is gone."],
    remedy: "Choose the networks for live migration in the cluster again.",
    weight: 7,
  },
  {
    name: "ERROR_NO_SYSTEM_RESOURCES",
    value: 0x800705aa,
    meaning: "The destination has not enough memory for the machine.",
    causes: ["Other machines use it, or memory is reserved."],
    remedy: "Free memory at the destination, or choose another one.",
    weight: 8,
  },
  {
    name: "E_OUTOFMEMORY",
    value: 0x8007000e,
    meaning: "The destination has not enough memory for the machine.",
    causes: ["Other machines use it, or memory is reserved."],
    remedy: "Free memory at the destination, or choose another one.",
    weight: 8,
  },
  {
    name: "ERROR_VIRTDISK_PROVIDER_NOT_FOUND",
    value: 0xc03a0014,
    meaning: "A disk or ISO image that the machine uses does not exist at the destination.",
    causes: ["An ISO image from the source host's own disk is still inserted."],
    remedy: "Eject the image, or put it where both hosts find it under one path.",
    weight: 8,
  },
  {
    name: "ERROR_CANCELLED",
    value: 0x800704c7,
    meaning: "Somebody cancelled the migration; the machine goes on at the source.",
    causes: ["A person or a program asked for it."],
    remedy: "Nothing needs repair; start the move again when it suits.",
    weight: 8,
  },
  {
    name: "ERROR_NOT_FOUND",
    value: 0x80070490,
    meaning: "What was asked for does not exist, or may not be seen.",
    causes: ["A wrong name, or a machine that was moved or removed in the meantime."],
    remedy: "List what is there: `waybill vm list HOST`.",
    weight: 5,
  },
  {
    name: "E_INVALIDARG",
    value: 0x80070057,
    meaning: "The request itself is not valid.",
    causes: ["An option or a path that this host does not take."],
    remedy: "Read the sentence next to it: it names the part that is wrong.",
    weight: 3,
  },
  {
    name: "E_FAIL",
    value: 0x80004005,
    meaning: "Something failed; this code says no more.",
    causes: ["Anything: the sentence or code next to it tells."],
    remedy: "Look for a second code in the same event, and in the VMMS log of the other host.",
    weight: 0,
  },
  {
    name: "Processor features differ",
    meaning: "The machine uses processor features that the destination lacks.",
    causes: ["The hosts have processors of different generations."],
    remedy: "With the machine off: `Set-VMProcessor VM -CompatibilityForMigrationEnabled $true`.",
    texts: [["using processor-specific features not supported"]],
    weight: 9,
  },
  {
    name: "Switch name differs",
    meaning:
      "The machine is connected to a virtual switch that the destination does not have under that name.",
    causes: ["The switches of the two hosts have different names (Compare-VM message 33012)."],
    remedy: "Rename or create the switch at the destination, or connect the machine to one that both have.",
    texts: [["could not find ethernet switch"], ["messageid", "33012"]],
    weight: 9,
  },
  {
    name: "Planned machine not created",
    meaning: "The destination could not make the place that the machine would be moved into.",
    causes: ["The code beside it tells; with 0x80070569 it is a right that the destination's machines lack."],
    remedy: "Explain the code that stands in the same message.",
    texts: [["failed to create planned virtual machine at migration destination"]],
    weight: 2,
  },
  {
    name: "ERROR_DS_NO_ATTRIBUTE_OR_VALUE",
    value: 0x8007200a,
    meaning: "The directory has no such attribute or value.",
    causes: [
      "In Windows Admin Center: its gateway asks the directory as the administrator, whose ticket is too large, or who has SIDs of groups that are gone.",
      "A script names an attribute that the schema or the object does not have.",
    ],
    remedy:
      "Try it as an administrator who is in few groups; take SIDs that no group has any more out of the administrator's groups and SID history.",
    weight: 6,
  },
  {
    name: "Migration limit reached",
    meaning: "The host already runs as many migrations as it may.",
    causes: [
      "More moves were started than -MaximumVirtualMachineMigrations allows (event 21501 in clusters).",
    ],
    remedy:
      "Wait, or raise the limit: `Set-VMHost -MaximumVirtualMachineMigrations N`, or the cluster's property.",
    texts: [["virtual machine migration limit", "was reached"]],
    weight: 9,
  },
  {
    name: "Key protector not unwrapped",
    meaning: "The machine has a virtual TPM, and the destination lacks the certificates that open it.",
    causes: ["The guardian's certificates were never brought from the source to the destination."],
    remedy:
      "Export the untrusted guardian's certificates with their keys at the source and import them at the destination.",
    texts: [["key protector for the virtual machine could not be unwrapped"]],
    weight: 9,
  },
];

/** Faults of networks, hosts and machines that are often taken for faults of delegation. */
export const platformCodes: readonly ExplainEntry[] = rows.map(({ causes, ...row }) => ({
  ...row,
  kind: row.value === undefined ? "message" : "hresult",
  causes: causes.map((cause) => ({ cause })),
  docs: errorPage.platform,
}));
