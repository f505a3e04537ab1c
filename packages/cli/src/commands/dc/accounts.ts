import { WaybillError } from "@waybill/base";
import { type Account, hasFlag } from "@waybill/directory";
import type { Command } from "commander";
import { formatTable } from "../../output/table.ts";
import { examples } from "./examples.ts";
import { readPassword } from "./read-password.ts";
import { inDirectory, type StateOptions, withState } from "./state.ts";

interface UserOptions extends StateOptions {
  readonly passwordFile?: string;
  readonly sensitive?: boolean;
  readonly protected?: boolean;
  readonly group?: string[];
  readonly upn?: string;
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
    .addHelpText(
      "after",
      examples(
        "user add alice",
        "user add alice --password-file - --sensitive --group 'Domain Admins' < secret",
      ),
    )
    .action(async (name: string, options: UserOptions) => {
      const password = await readPassword(options.passwordFile, `Password of ${name}`);
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
      const password = await readPassword(options.passwordFile, `New password of ${name}`);
      await inDirectory(options, (directory) => directory.setPassword(name, password));
    });
  for (const [verb, accountDisable] of [
    ["disable", true],
    ["enable", false],
  ] as const) {
    withState(user.command(`${verb} <name>`))
      .description(`${verb} an account`)
      .action(async (name: string, options: StateOptions) => {
        await inDirectory(options, (directory) => directory.setFlags(name, { accountDisable }));
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
      await inDirectory(options, (directory) => directory.delete(name));
    });
  withState(parent.command("list"))
    .description(`all ${what}s`)
    .action(async (options: StateOptions) => {
      await inDirectory(options, (directory) => {
        const wanted = [...directory.accounts()].filter(
          (account) => (account.kind === "user") === (what === "user"),
        );
        const rows = wanted.map((account) => [account.samAccountName, stateOf(account), account.dn]);
        console.log(formatTable(["name", "state", "object"], rows));
      });
    });
}

function stateOf(account: Account): string {
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
  return words.filter((word) => word !== "").join(", ");
}

function registerSpns(dc: Command): void {
  const spn = dc.command("spn").description("service principal names");
  withState(spn.command("add <account> <spn...>"))
    .addHelpText("after", examples("spn add WEB HTTP/www.lab.test"))
    .action(async (account: string, spns: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.addSpn(account, ...spns));
    });
  withState(spn.command("remove <account> <spn...>")).action(
    async (account: string, spns: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.removeSpn(account, ...spns));
    },
  );
  withState(spn.command("list <account>")).action(async (account: string, options: StateOptions) => {
    await inDirectory(options, (directory) => {
      const found = directory.byName(account);
      if (found === undefined) throw unknownAccount(account);
      for (const name of found.servicePrincipalNames) console.log(name);
    });
  });
}

function unknownAccount(name: string): WaybillError {
  return new WaybillError(`there is no account ${name}`, { code: "NO_SUCH_OBJECT", family: "caller" });
}

function registerGroups(dc: Command): void {
  const group = dc.command("group").description("groups and their members");
  withState(group.command("add <name>"))
    .description("create a group")
    .action(async (name: string, options: StateOptions) => {
      await inDirectory(options, (directory) => directory.createGroup({ name }));
    });
  withState(group.command("join <group> <member...>")).action(
    async (name: string, members: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.addMember(name, ...members));
    },
  );
  withState(group.command("leave <group> <member...>")).action(
    async (name: string, members: string[], options: StateOptions) => {
      await inDirectory(options, (directory) => directory.removeMember(name, ...members));
    },
  );
  withState(group.command("members <group>")).action(async (name: string, options: StateOptions) => {
    await inDirectory(options, (directory) => {
      const found = directory.groupBySam(name);
      for (const member of found === undefined ? [] : directory.membersOf(found))
        console.log(member.samAccountName);
    });
  });
}
