export interface ObjectClass {
  readonly name: string;
  /** From `top` down, as AD stores objectClass. */
  readonly chain: readonly string[];
  /** Attribute the relative name is made of. */
  readonly rdn: string;
  readonly category: string;
  /** Has a SID. */
  readonly principal: boolean;
}

const person = ["top", "person", "organizationalPerson", "user"] as const;

const rows: readonly ObjectClass[] = [
  { name: "user", chain: person, rdn: "CN", category: "Person", principal: true },
  {
    name: "inetOrgPerson",
    chain: [...person, "inetOrgPerson"],
    rdn: "CN",
    category: "Person",
    principal: true,
  },
  { name: "computer", chain: [...person, "computer"], rdn: "CN", category: "Computer", principal: true },
  service("msDS-ManagedServiceAccount"),
  service("msDS-GroupManagedServiceAccount"),
  service("msDS-DelegatedManagedServiceAccount"),
  { name: "group", chain: ["top", "group"], rdn: "CN", category: "Group", principal: true },
  plain("container", "CN", "Container"),
  plain("organizationalUnit", "OU", "Organizational-Unit"),
  plain("builtinDomain", "CN", "Builtin-Domain"),
  plain("lostAndFound", "CN", "Lost-And-Found"),
  plain("configuration", "CN", "Configuration"),
  plain("trustedDomain", "CN", "Trusted-Domain", ["leaf"]),
  plain("crossRef", "CN", "Cross-Ref"),
  plain("crossRefContainer", "CN", "Cross-Ref-Container"),
  plain("nTDSService", "CN", "NTDS-Service"),
  plain("subSchema", "CN", "SubSchema"),
  plain("dMD", "CN", "DMD"),
  plain("contact", "CN", "Person", ["person", "organizationalPerson"]),
  plain("serviceConnectionPoint", "CN", "Service-Connection-Point", ["leaf", "connectionPoint"]),
  plain("foreignSecurityPrincipal", "CN", "Foreign-Security-Principal"),
  {
    name: "domainDNS",
    chain: ["top", "domain", "domainDNS"],
    rdn: "DC",
    category: "Domain-DNS",
    principal: false,
  },
];

function service(name: string): ObjectClass {
  return {
    name,
    chain: [...person, "computer", name],
    rdn: "CN",
    category: serviceCategory(name),
    principal: true,
  };
}

function serviceCategory(name: string): string {
  return name.replace("msDS-", "ms-DS-").replace(/([a-z])([A-Z])/g, "$1-$2");
}

function plain(name: string, rdn: string, category: string, between: readonly string[] = []): ObjectClass {
  return { name, chain: ["top", ...between, name], rdn, category, principal: false };
}

const byName: ReadonlyMap<string, ObjectClass> = new Map(rows.map((row) => [row.name.toLowerCase(), row]));

export function objectClass(name: string): ObjectClass | undefined {
  return byName.get(name.toLowerCase());
}

export function objectClasses(): Iterable<ObjectClass> {
  return byName.values();
}

/** The most specific of an object's classes that the schema knows. */
export function structuralClass(names: readonly string[]): ObjectClass | undefined {
  const known = names.flatMap((name) => byName.get(name.toLowerCase()) ?? []);
  return known.reduce<ObjectClass | undefined>(
    (best, row) => (best === undefined || row.chain.length > best.chain.length ? row : best),
    undefined,
  );
}
