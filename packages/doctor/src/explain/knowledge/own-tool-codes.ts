import type { ExplainEntry } from "../entry.ts";
import { entriesOf } from "./row.ts";

const report = "Report it, with the sentence beside the code.";
const between = "Look for a proxy between the two, and at the host's journal.";

/** Stable codes of the command line, the lab, and the management protocol. */
export const ownToolCodes: readonly ExplainEntry[] = entriesOf("waybill", 7, [
  ["ABORTED", "It was cancelled.", "You, or a program, asked for it.", "Nothing needs repair."],
  [
    "DEADLINE_EXCEEDED",
    "It took longer than allowed.",
    "The peer is slow, or does not answer.",
    "Check that it runs and is reachable, or allow more time.",
  ],
  ["UNEXPECTED", "An error that nobody foresaw.", "A fault in the program.", report],
  [
    "BAD_USAGE",
    "The command line does not fit together.",
    "An option is missing or too many.",
    "`waybill COMMAND --help`.",
  ],
  [
    "CONSOLE_UNREACHABLE",
    "There is no console in that folder.",
    "The machine does not run, or belongs to another user.",
    "Name the folder of a running machine, <run>/vm/<machine>, as the user QEMU runs as.",
  ],
  [
    "INVALID_ACCOUNT_NAME",
    "That is not the name of an account.",
    "A principal was given.",
    "Give its sAMAccountName: KVM01$ or svc-web.",
  ],
  [
    "LAB_BROKEN",
    "The lab's domain misses something.",
    "Its files were changed.",
    "`waybill lab down`, then up again.",
  ],
  ["LAB_EXISTS", "There is a lab already.", "It was started before.", "Use it, or `waybill lab down`."],
  [
    "LAB_PART_NOT_READY",
    "A part of the lab did not come up.",
    "What it said stands beside the code.",
    "Read its log; `waybill lab down`, and try again.",
  ],
  [
    "NOTHING_TO_PROVE_WITH",
    "There is no key and no ticket to make real exchanges with.",
    "Nobody is signed in, and no keytab was named.",
    "Sign in with kinit, or name a host's keytab with --keytab.",
  ],
  ["NO_LAB", "There is no lab.", "It was not started, or elsewhere.", "`waybill lab up`."],
  [
    "PASSWORD_MISSING",
    "No password was given.",
    "No terminal to ask at.",
    "--password-file FILE, or - for standard input.",
  ],
  [
    "UNDO_FILE_EXISTS",
    "The file that was to take the change back is there already.",
    "It was kept for an earlier change.",
    "Name another by --undo, or move it away.",
  ],
  [
    "SCENARIO_INVALID",
    "The file is not a scenario.",
    "An entry has the wrong form.",
    "Correct the entry that stands beside the code.",
  ],
  [
    "SCENARIO_UNKNOWN",
    "There is no scenario of that name.",
    "A misspelt name.",
    "`waybill lab run --help`, or give a path with a slash in it.",
  ],
  [
    "WORKSTATION_CONFIG_INVALID",
    "The workstation's file cannot be understood.",
    "An entry has the wrong form.",
    "It has one entry, hosts, that maps names to address and port.",
  ],
  [
    "ALREADY_SET_UP",
    "The host is set up already.",
    "Its configuration exists.",
    "Change that file, or remove it first.",
  ],
  [
    "CONSENT_NEEDED",
    "The change was not made, because nobody agreed to it.",
    "There is no terminal to ask at.",
    "Look at the plan, and agree beforehand with --yes.",
  ],
  [
    "NO_DIRECTORY_SERVER",
    "No domain controller was found.",
    "No name was given, and DNS and krb5.conf name none.",
    "Name one on the command line.",
  ],
  [
    "SAMBA_FAILED",
    "A program of Samba failed.",
    "What it said stands beside the code.",
    "Read that, and Samba's log.",
  ],
  [
    "SAMBA_NEEDS_ROOT",
    "Samba's domain controller can be started by root only.",
    "The command was run as somebody else.",
    "Run it with sudo, or use the built-in domain.",
  ],
  ["SAMBA_NOT_INSTALLED", "Samba is not installed.", "The package is missing.", "Install the package samba."],
  ["UNKNOWN_GROUP", "There is no such group.", "A misspelt name.", "Check the name."],
  [
    "USER_NEEDS_ROOT",
    "Changing to another user needs root.",
    "The service was started as somebody else.",
    "Start it as root; it gives the right up by itself.",
  ],
  [
    "USER_UNKNOWN",
    "This machine has no such user.",
    "The user was not created.",
    "Create the user, or name another one in the configuration.",
  ],
  [
    "HOSTS_NEEDED",
    "The command needs to know which hosts are meant.",
    "They were not named, and none could be found.",
    "Name them on the command line.",
  ],
  [
    "NOTHING_KNOWN",
    "Nothing is known about what was asked.",
    "An unknown code, or text without one.",
    "Paste the whole message, with its code.",
  ],
  [
    "WSMAN_ANSWER_TOO_LARGE",
    "The host's answer is larger than allowed.",
    "A very long list.",
    "Ask for less.",
  ],
  [
    "WSMAN_ANSWER_UNEXPECTED",
    "The host answered another request.",
    "A proxy that mixes connections.",
    between,
  ],
  ["WSMAN_ANSWER_UNSEALED", "The host answered in clear.", "Something else answered in its place.", between],
  [
    "WSMAN_AUTHENTICATION_FAILED",
    "The host did not accept the ticket.",
    "Service name, clock, or an account that may not sign in.",
    "Check that the name you use is the host's own, and that clocks agree.",
  ],
  [
    "WSMAN_CONFIDENTIALITY_MISSING",
    "The connection would not be encrypted, and was given up.",
    "A mechanism without encryption.",
    "Use Kerberos.",
  ],
  [
    "WSMAN_CONNECTION_LOST",
    "The connection broke before the answer came.",
    "The network, or the host was restarted.",
    "Ask the host what became of the operation before repeating it.",
  ],
  [
    "WSMAN_FRAMING_INVALID",
    "An encrypted message is not well formed.",
    "A proxy, or another program.",
    between,
  ],
  [
    "WSMAN_HTTP_STATUS",
    "The host answered with an HTTP error.",
    "A proxy, or a service that is not ready.",
    between,
  ],
  [
    "WSMAN_LISTEN_FAILED",
    "The listener cannot use its port.",
    "The port is taken, or the right is missing.",
    "Check which program holds it.",
  ],
  [
    "WSMAN_UNAVAILABLE",
    "The host cannot serve requests at the moment.",
    "Its service is starting or overloaded.",
    "Wait a moment.",
  ],
  [
    "WSMAN_UNREACHABLE",
    "The host's management port cannot be reached.",
    "Name, service, or firewall.",
    "Check the name and ports 5985 and 5986.",
  ],
  ["WSMAN_XML_INVALID", "What came is not XML that may be read.", "Another service, or an attack.", between],
]);
