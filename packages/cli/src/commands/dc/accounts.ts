import { WaybillError } from "@waybill/base";
import { type Account, hasFlag } from "@waybill/directory";
import type { Command } from "commander";
import { formatTable } from "../../output/table.ts";
import { readPassword } from "../../session/read-password.ts";
import { examples } from "./examples.ts";
import { inDirectory, type StateOptions, withState } from "./state.ts";

interface UserOptions extends StateOptions {
  readonly passwordFile?: string;
  readonly sensitive?: boolean;
  readonly protected?: boolean;
  readonly group?: string[];
  readonly upn?: string;
}

interface ListOptions extends StateOptions {
  readonly json?: boolean;
}

interface ComputerOptions extends StateOptions {
  readonly dns?: string;
  readonly migration?: boolean;
  readonly passwordFile?: string;
}

export function registerAccounts(dc: Command): void {
  const user = dc.command("user").description("people");
  withState(user.command("add <name>"))
    .description("create a user")
    .option("--password-file <file>", "first line is the password; - for standard input")
    .option("--upn <name>", "user principal name")
    .option("--sensitive", "account is sensitive and cannot be delegated")
    .option("--protected", "member of Protected Users")
    .option("--group <name...>", "member of these groups")
    .addHelpText("after", examples("user add alice", "user add bob --sensitive --password-file - < secret"))
    .action(async (name: string, options: UserOptions) => {
      const password = await readPassword(options.passwordFile, `Password of ${name}: `);
      await inDirectory(options, (directory) => {
        const { sensitive, upn } = options;
        directory.createUser({
          name,
          password,
          upn,
          sensitive,
          protected: options.protected,
          groups: options.group,
        });
      });
      console.log(`created user ${name}`);
    });
  withState(user.command("password <name>"))
    .description("set a user's password")
    .option("--password-file <file>", "first line is the password; - for standard input")
    .action(async (name: string, options: UserOptions) => {
      const password = await readPassword(options.passwordFile, `New password of ${name}: `);
      await inDirectory(options, (directory) => directory.setPassword(name, password));
      console.log(`set the password of ${name}`);
    });
  for (const [verb, accountDisable] of [
    ["disable", true],
    ["enable", false],
  ] as const) {
    withState(user.command(`${verb} <name>`))
      .description(`${verb} an account`)
      .action(async (name: string, options: StateOptions) => {
        await inDirectory(options, (directory) => directory.setFlags(name, { accountDisable }));
        console.log(`${verb}d ${name}`);
      });
  }
  registerRemoval(user, "user");

  const computer = dc.command("computer").description("machines");
  withState(computer.command("add <name>"))
    .description("create a computer account with its usual service names")
    .option("--dns <host>", "full host name; NAME in the domain by default")
    .option("--migration", "also register the service name of live migration")
    .option("--password-file <file>", "first line is the password; random keys without it")
    .addHelpText(
      "after",
      examples("computer add KVM01 --migration", "computer add KVM02 --dns kvm02.dmz.lab.test"),
    )
    .action(async (name: string, options: ComputerOptions) => {
      const { dns, migration, passwordFile } = options;
      const password = passwordFile === undefined ? undefined : await readPassword(passwordFile, "");
      const made = await inDirectory(options, (directory) =>
        directory.createComputer({ name, dnsHostName: dns, migration, password }),
      );
      console.log(`created computer ${made.samAccountName} (${made.dnsHostName})`);
    });
  registerRemoval(computer, "computer");
  registerSpns(dc);
  registerGroups(dc);
}

function registerRemoval(parent: Command, what: string): void {
  withState(parent.command("remove <name>"))
    .description(`delete a ${what}`)
    .action(async (name: string, options: StateOptions) => {
      await inDirectory(options, (directory) => {
        const found = directory.byName(name);
        if (found === undefined || isPerson(found) !== (what === "user")) throw noSuch(what, name);
        directory.delete(found.sid);
        console.log(`removed ${what} ${found.samAccountName}`);
      });
    });
  withState(parent.command("list"))
    .description(`all ${what}s`)
    .option("--json", "as JSON")
    .action(async (options: ListOptions) => {
      await inDirectory(options, (directory) => {
        const wanted = [...directory.accounts()].filter((account) => isPerson(account) === (what === "user"));
        if (options.json === true) {
          const list = wanted.map((account) => ({
            name: account.samAccountName,
            sid: account.sid,
            state: stateOf(account),
            dn: account.dn,
          }));
          return console.log(JSON.stringify(list));
        }
        const rows = wanted.map((account) => [
          account.samAccountName,
          stateOf(account).join(", "),
          account.dn,
        ]);
        console.log(formatTable(["name", "state", "object"], rows));
      });
    });
}

function isPerson(account: Account): boolean {
  return account.kind === "user";
}

function noSuch(what: string, name: string, listed: string = what): WaybillError {
  return new WaybillError(`there is no ${what} ${name}`, {
    code: "NO_SUCH_OBJECT",
    family: "caller",
    remedy: what === "group" ? "waybill dc export shows all there is." : `See waybill dc ${listed} list.`,
  });
}

function stateOf(account: Account): string[] {
  const uac = account.userAccountControl;
  const words = [
    hasFlag(uac, "accountDisable") ? "disabled" : "enabled",
    hasFlag(uac, "notDelegated") ? "sensitive" : "",
    hasFlag(uac, "trustedForDelegation") ? "unconstrained delegation" : "",
    account.allowedToDelegateTo.length === 0
      ? ""
      : hasFlag(uac, "trustedToAuthForDelegation")
        ? "delegation, any protocol"
        : "delegation, Kerberos only",
  ];
  return words.filter((word) => word !== "");
}

function registerSpns(dc: Command): void {
  const spn = dc.command("spn").description("service principal names");
  withState(spn.command("add <account> <spn...>"))
    .description("register service names on an account; a name belongs to one account only")
    .addHelpText("after", examples("spn add WEB HTTP/www.lab.test"))
    .action(async (account: string, spns: string[], options: StateOptions) => {
      sayNames(await inDirectory(options, (directory) => directory.addSpn(account, ...spns)));
    });
  withState(spn.command("remove <account> <spn...>"))
    .description("take service names away from an account")
    .action(async (account: string, spns: string[], options: StateOptions) => {
      const changed = await inDirectory(options, (directory) => {
        const held = directory.byName(account)?.servicePrincipalNames.map((name) => name.toLowerCase());
        const missing = spns.find((name) => held !== undefined && !held.includes(name.toLowerCase()));
        if (missing !== undefined) throw noSuchName(account, missing);
        return directory.removeSpn(account, ...spns);
      });
      sayNames(changed);
    });
  withState(spn.command("list <account>"))
    .description("the service names of an account")
    .option("--json", "as JSON")
    .action(async (account: string, options: ListOptions) => {
      await inDirectory(options, (directory) => {
        const found = directory.byName(account);
        if (found === undefined) throw noSuch("account", account, "user");
        printNames(found.servicePrincipalNames, options);
      });
    });
}

function registerGroups(dc: Command): void {
  const group = dc.command("group").description("groups and their members");
  withState(group.command("add <name>"))
    .description("create a group")
    .action(async (name: string, options: StateOptions) => {
      await inDirectory(options, (directory) => directory.createGroup({ name }));
      console.log(`created group ${name}`);
    });
  withState(group.command("join <group> <member...>"))
    .description("make accounts or groups members of a group")
    .action(async (name: string, members: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.addMember(name, ...members));
      console.log(`${members.join(", ")} joined ${name}`);
    });
  withState(group.command("leave <group> <member...>"))
    .description("end memberships of a group")
    .action(async (name: string, members: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.removeMember(name, ...members));
      console.log(`${members.join(", ")} left ${name}`);
    });
  withState(group.command("members <group>"))
    .description("the direct members of a group")
    .option("--json", "as JSON")
    .action(async (name: string, options: ListOptions) => {
      await inDirectory(options, (directory) => {
        const found = directory.groupBySam(name);
        if (found === undefined) throw noSuch("group", name);
        printNames(
          [...directory.membersOf(found)].map(({ samAccountName }) => samAccountName),
          options,
        );
      });
    });
}

function sayNames({ samAccountName, servicePrincipalNames: { length } }: Account): void {
  console.log(`${samAccountName} has ${length} service name${length === 1 ? "" : "s"} now`);
}

function noSuchName(account: string, spn: string): WaybillError {
  return new WaybillError(`${account} has no service name ${spn}`, {
    code: "NO_SUCH_VALUE",
    family: "caller",
    remedy: `See waybill dc spn list ${account}.`,
  });
}

function printNames(names: readonly string[], { json }: ListOptions): void {
  if (json === true) console.log(JSON.stringify(names));
  else for (const name of names) console.log(name);
}
