import type { ExplainEntry } from "../entry.ts";
import { errorPage } from "./row.ts";

/** What stops the way from the person to the source host, before any migration begins. */
export const winrmMessages: readonly ExplainEntry[] = [
  {
    kind: "winrm",
    name: "WinRM cannot connect",
    value: 0x80338012,
    meaning: "The management service of the machine does not answer at that address.",
    causes: [
      { cause: "WinRM is not running or not configured.", checks: ["host-unreachable"] },
      { cause: "A firewall closes ports 5985 and 5986, or an HTTP proxy takes the request." },
      { cause: "The name leads to another machine." },
    ],
    remedy:
      "`winrm quickconfig` on that machine; leave it out of the proxy (events 20406 and 280 belong to this).",
    docs: errorPage.platform,
    texts: [["client cannot connect to the destination specified in the request"]],
    weight: 8,
  },
  {
    kind: "winrm",
    name: "No WS-Management at that address",
    meaning: "Something answered, but it does not speak WS-Management.",
    causes: [{ cause: "A proxy or another web server answers in place of the host." }],
    remedy: "Leave the host out of the proxy and check the port.",
    docs: errorPage.platform,
    texts: [["does not support ws-management identify operations"]],
    weight: 8,
  },
  {
    kind: "winrm",
    name: "WinRM refuses the authentication",
    meaning: "The way of authentication is not one that client and machine both allow.",
    causes: [
      { cause: "The machine was named by an IP address, for which Kerberos has no service name." },
      { cause: "One of the two is not in the domain and is not in TrustedHosts." },
    ],
    remedy: "Name the machine by its full DNS name; sign in with a domain account.",
    docs: errorPage.platform,
    texts: [["winrm client cannot process the request", "trustedhosts"]],
    weight: 8,
  },
  {
    kind: "winrm",
    name: "Encrypted message not opened",
    meaning: "WinRM got an encrypted message that it could not open; the client sees HTTP 400.",
    causes: [
      {
        cause:
          "The client labels the message with another protocol than was negotiated: under the scheme Negotiate it is application/HTTP-SPNEGO-session-encrypted, also where Kerberos was chosen.",
      },
      { cause: "A proxy in between changed the message or the connection." },
    ],
    remedy: "Update the client, or use HTTPS on port 5986, which needs no such messages.",
    docs: errorPage.platform,
    texts: [["couldn't decrypt the packet"], ["could not decrypt the packet"]],
    weight: 8,
  },
];

type FaultRow = readonly [value: number, name: string, meaning: string, remedy: string];

const faults: readonly FaultRow[] = [
  [
    0x80338003,
    "Provider failure",
    "The provider behind the service failed.",
    "Look for the code that it gave, in the same answer.",
  ],
  [
    0x80338007,
    "Enumeration closed",
    "The list that was being read is closed: it was idle for too long, or the service was restarted.",
    "Ask again from the start.",
  ],
  [
    0x8033800c,
    "Timeout not supported",
    "The request asks for a time limit that the service does not offer.",
    "Ask for less time.",
  ],
  [
    0x8033800d,
    "SOAP version",
    "The request is not SOAP 1.2.",
    "Use a client that speaks WS-Management over SOAP 1.2.",
  ],
  [
    0x8033800f,
    "Invalid header",
    "A header of the request is not valid.",
    "Report it: a client must not send such a request.",
  ],
  [
    0x80338010,
    "Header not understood",
    "The request insists on a header that the service does not know.",
    "Use plain WS-Management without that extension.",
  ],
  [
    0x80338011,
    "Header missing",
    "A header that the service needs is missing.",
    "Report it: a client must not send such a request.",
  ],
  [
    0x80338013,
    "Action not supported",
    "The service does not know the operation for that resource.",
    "Check the class and the method.",
  ],
  [
    0x80338015,
    "Invalid representation",
    "The values sent do not fit the class.",
    "Check names and types of the properties.",
  ],
  [0x80338018, "Filter not supported", "The resource cannot be filtered.", "Ask without a filter."],
  [0x80338019, "Filter dialect", "The service does not know the query language.", "Use WQL."],
  [0x8033801a, "Filter refused", "The query cannot be understood.", "Correct the WQL query."],
  [
    0x8033801b,
    "Enumeration context",
    "The list that is to be read on does not exist.",
    "Ask again from the start.",
  ],
  [
    0x80338029,
    "WS-Management timeout",
    "The service did not finish within the time that the request allowed.",
    "Allow more time, or look what keeps the host busy.",
  ],
  [
    0x8033803a,
    "Invalid parameter",
    "A parameter of the method is not valid.",
    "Read the reason in the same answer.",
  ],
  [
    0x8033803b,
    "Resource unknown",
    "There is no such class or namespace on that machine.",
    "Check that the machine is a Hyper-V or Waybill host; Hyper-V's namespace is root/virtualization/v2.",
  ],
  [
    0x8033803d,
    "Invalid selectors",
    "The keys given do not name one instance.",
    "Give the keys of the class, and no others.",
  ],
  [
    0x8033803f,
    "WS-Management quota",
    "Too many operations or shells at one time.",
    "Wait, or raise MaxConcurrentOperationsPerUser.",
  ],
  [
    0x80338041,
    "Schema validation",
    "The request is not what the schema says.",
    "Report it: a client must not send such a request.",
  ],
  [
    0x80338042,
    "Feature not supported",
    "The service does not offer that part of WS-Management.",
    "Use another way; the reason in the answer names the part.",
  ],
  [
    0x80338043,
    "Invalid XML",
    "The request is not well-formed XML.",
    "Report it: a client must not send such a request.",
  ],
  [
    0x80338048,
    "Envelope too large",
    "The answer would be larger than the limit.",
    "Ask for less, or raise MaxEnvelopeSizekb.",
  ],
  [0x80041002, "WBEM_E_NOT_FOUND", "There is no such object.", "List what is there and compare the name."],
  [
    0x80041003,
    "WBEM_E_ACCESS_DENIED",
    "The person may not use that namespace of WMI.",
    "Make the person a Hyper-V administrator on that host, or grant the namespace.",
  ],
  [
    0x80041010,
    "WBEM_E_INVALID_CLASS",
    "There is no such class in that namespace.",
    "Check that the machine is a Hyper-V host; the namespace is root/virtualization/v2.",
  ],
  [0x80041017, "WBEM_E_INVALID_QUERY", "The WQL query is not valid.", "Correct the query."],
  [
    0x8004102e,
    "WBEM_E_INVALID_METHOD_PARAMETERS",
    "The parameters do not fit the method.",
    "Compare them with the class.",
  ],
];

/** Faults of the WS-Management service and of WMI behind it. */
export const winrmFaults: readonly ExplainEntry[] = faults.map(([value, name, meaning, remedy]) => ({
  kind: "winrm",
  name,
  value,
  meaning,
  causes: [],
  remedy,
  docs: errorPage.platform,
  weight: 5,
}));
