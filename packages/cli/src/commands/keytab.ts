import { WaybillError } from "@waybill/base";
import {
  type AccountKind,
  defaultEncTypes,
  entriesFromPassword,
  formatEncType,
  type Keytab,
  mergeKeytabs,
  type Principal,
  parsePrincipal,
  readKeytab,
  updateKeytab,
} from "@waybill/kerberos";
import type { Command } from "commander";
import { formatTable } from "../output/table.ts";
import { displayName, localTime } from "../output/ticket-view.ts";
import { encTypesOption, wholeNumberOption } from "../session/parse-options.ts";
import { readPassword } from "../session/read-password.ts";
import { readKrb5Conf } from "../session/workstation.ts";

interface AddOptions {
  readonly principal: string[];
  readonly kvno: number;
  readonly passwordFile?: string;
  readonly account?: string;
  readonly etypes?: readonly number[];
  readonly json?: boolean;
}

export function registerKeytab(program: Command): void {
  const keytab = program.command("keytab").description("list, add to and merge keytabs");
  keytab
    .command("list")
    .description("whose keys a keytab holds; the keys themselves are not shown")
    .argument("<file>")
    .option("--json", "as JSON")
    .addHelpText("after", examples("list /etc/krb5.keytab"))
    .action(async (file: string, { json }: { json?: boolean }) => print(await readKeytab(file), json));
  keytab
    .command("add")
    .description("add the keys of a password; an entry of the same name, version and type is replaced")
    .argument("<file>", "made if it does not exist, mode 0600")
    .requiredOption("--principal <name...>", "names that go by the password: the account, its service names")
    .requiredOption("--kvno <n>", "the key version, msDS-KeyVersionNumber of the account", wholeNumberOption)
    .option("--account <name>", "the directory account, such as KVM01$ or svc-web; decides the salt")
    .option("--password-file <file>", "read the password from a file, - for standard input")
    .option("--etypes <list>", "encryption types (default: all AES types)", encTypesOption)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      examples(
        "add web.keytab --principal HTTP/www.lab.test \\\n    --account svc-web --kvno 2",
        "add kvm01.keytab --principal 'KVM01$' host/kvm01.lab.test \\\n    --account 'KVM01$' --kvno 5 --password-file -",
      ),
    )
    .action(async (file: string, options: AddOptions) => print(await add(file, options), options.json));
  keytab
    .command("merge")
    .description("add all entries of other keytabs")
    .argument("<into>", "made if it does not exist, mode 0600")
    .argument("<from...>", "where two entries disagree, that of the later file stays")
    .option("--json", "as JSON")
    .addHelpText("after", examples("merge /etc/krb5.keytab new.keytab"))
    .action(async (into: string, from: string[], { json }: { json?: boolean }) => {
      const others = await Promise.all(from.map(readKeytab));
      print(await updateKeytab(into, (own) => mergeKeytabs(own, ...others)), json);
    });
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  waybill keytab ${line}`).join("\n")}`;
}

async function add(file: string, options: AddOptions): Promise<Keytab> {
  const defaultRealm = realmOfMachine();
  const principals = options.principal.map((name) => parsePrincipal(name, { defaultRealm }));
  const password = await readPassword(options.passwordFile, "Password: ");
  const entries = entriesFromPassword({
    principals,
    password,
    kvno: options.kvno,
    account: accountOf(principals, options.account),
    etypes: options.etypes ?? defaultEncTypes,
    timestamp: Date.now(),
  });
  return await updateKeytab(file, (own) => mergeKeytabs(own, { entries }));
}

/** Names that say their realm need no krb5.conf. */
function realmOfMachine(): string | undefined {
  try {
    return readKrb5Conf().defaultRealm;
  } catch {
    return undefined;
  }
}

/** The salt is the account's, whatever name of it the entry has. Only a lone name can be taken for the account's own. */
function accountOf(principals: readonly Principal[], account: string | undefined): AccountKind {
  const [first] = principals;
  const own = first?.components.length === 1 ? first.components[0] : undefined;
  const name = account ?? own;
  if (name === undefined) return { kind: "principal" };
  if (name.includes("/") || name.includes("@")) {
    throw new WaybillError(`"${name}" is not the name of an account`, {
      code: "INVALID_ACCOUNT_NAME",
      family: "caller",
      remedy: "Give its sAMAccountName: KVM01$ or svc-web.",
    });
  }
  return name.endsWith("$") ? { kind: "computer", accountName: name } : { kind: "user", name };
}

function print({ entries }: Keytab, json: boolean | undefined): void {
  if (json) {
    const views = entries.map(({ principal, kvno, key, timestamp }) => ({
      principal: displayName(principal),
      kvno,
      etype: formatEncType(key.keytype),
      timestamp: new Date(timestamp).toISOString(),
    }));
    console.log(JSON.stringify(views));
    return;
  }
  const rows = entries.map(({ principal, kvno, key, timestamp }) => [
    String(kvno),
    localTime(timestamp),
    formatEncType(key.keytype),
    displayName(principal),
  ]);
  console.log(formatTable(["kvno", "written", "type", "principal"], rows));
}
