import { type Account, type DelegationSettings, hasFlag } from "@waybill/directory";
import { type Command, Option } from "commander";
import { examples } from "./examples.ts";
import { inDirectory, type StateOptions, withState } from "./state.ts";

interface ClassicOptions extends StateOptions {
  readonly to?: string[];
  readonly protocol?: "kerberos" | "any";
}

interface ResourceOptions extends StateOptions {
  readonly from?: string[];
}

export function registerDelegation(dc: Command): void {
  const delegation = dc.command("delegation").description("who may act for whom");
  withState(delegation.command("set <account>"))
    .description("classic constrained delegation: which services the account may act towards")
    .option("--to <spn...>", "service names; the whole list (none given: an empty list)")
    .addOption(
      new Option("--protocol <which>", '"Use Kerberos only" or "Use any authentication protocol"').choices([
        "kerberos",
        "any",
      ]),
    )
    .addHelpText(
      "after",
      examples("delegation set KVM01 --to cifs/kvm02.lab.test --protocol any", "delegation set KVM01"),
    )
    .action(async (account: string, options: ClassicOptions) => {
      const { to = [], protocol } = options;
      const changed = await change(options, account, { to, protocol });
      const { samAccountName, allowedToDelegateTo, userAccountControl } = changed;
      const how = hasFlag(userAccountControl, "trustedToAuthForDelegation")
        ? "any protocol"
        : "Kerberos only";
      const { length } = allowedToDelegateTo;
      console.log(
        length === 0
          ? `${samAccountName} may act towards no service`
          : `${samAccountName} may act towards ${length} service name${length === 1 ? "" : "s"}, ${how}`,
      );
    });
  withState(delegation.command("rbcd <account>"))
    .description("resource-based: which accounts may act towards this one")
    .option("--from <account...>", "accounts; the whole list (none given: nobody)")
    .addHelpText("after", examples("delegation rbcd KVM02 --from KVM01 KVM03"))
    .action(async (account: string, options: ResourceOptions) => {
      const { from = [] } = options;
      const { samAccountName } = await change(options, account, { from });
      console.log(`${from.length === 0 ? "nobody" : from.join(", ")} may act towards ${samAccountName}`);
    });
}

async function change(
  options: StateOptions,
  account: string,
  settings: DelegationSettings,
): Promise<Account> {
  return await inDirectory(options, (directory) => {
    const changed = directory.setDelegation(account, settings);
    // Allowed, as in Active Directory, and mostly a misspelt name.
    for (const spn of settings.to ?? [])
      if (directory.bySpn(spn) === undefined) console.error(`note: no account has the service name ${spn}`);
    return changed;
  });
}
