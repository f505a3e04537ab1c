import { type Trust, TrustAttributes, TrustDirection, TrustType } from "@waybill/directory";
import { type Command, Option } from "commander";
import { formatTable } from "../../output/table.ts";
import { readPassword } from "../../session/read-password.ts";
import { examples } from "./examples.ts";
import { inDirectory, type StateOptions, withState } from "./state.ts";

interface TrustOptions extends StateOptions {
  readonly passwordFile?: string;
  readonly direction: keyof typeof directions;
  readonly sid?: string;
  readonly netbios?: string;
  readonly transitive?: boolean;
}

const { inbound, outbound } = TrustDirection;
const directions = { both: inbound | outbound, inbound, outbound };

/** `waybill dc trust`: other realms whose tickets are taken, or that take ours. */
export function registerTrusts(dc: Command): void {
  const trust = dc.command("trust").description("trusts with other domains and realms");
  withState(trust.command("add <realm>"))
    .description("trust another realm, be trusted by it, or both")
    .option("--password-file <file>", "first line is the password both sides share; - for standard input")
    .addOption(
      new Option("--direction <which>", "inbound: it trusts this domain; outbound: this domain trusts it")
        .choices(Object.keys(directions))
        .default("both"),
    )
    .option("--sid <sid>", "the other domain's SID; a realm of MIT or Heimdal has none")
    .option("--netbios <name>", "the other domain's short name")
    .option("--transitive", "also for the realms below the other one's name")
    .addHelpText(
      "after",
      examples(
        "trust add MIT.TEST --password-file secret",
        "trust add WEST.TEST --sid S-1-5-21-1-2-3 --direction outbound",
      ),
    )
    .action(async (partner: string, options: TrustOptions) => {
      const password = await readPassword(options.passwordFile, `Password shared with ${partner}: `);
      const { sid, netbios, transitive, direction } = options;
      const made = await inDirectory(options, (directory) =>
        directory.createTrust({
          partner,
          password,
          direction: directions[direction],
          sid,
          netbiosName: netbios,
          attributes: attributesOf(sid !== undefined, transitive === true),
        }),
      );
      console.log(`created a trust with ${made.partner}: ${describeTrust(made)}`);
    });
  withState(trust.command("remove <realm>"))
    .description("delete a trust and its keys")
    .action(async (partner: string, options: StateOptions) => {
      await inDirectory(options, (directory) => directory.removeTrust(partner));
      console.log(`removed the trust with ${partner}`);
    });
  withState(trust.command("list"))
    .description("all trusts")
    .option("--json", "as JSON")
    .action(async (options: StateOptions & { json?: boolean }) => {
      await inDirectory(options, (directory) => {
        if (options.json === true) {
          const list = directory.trusts().map((each) => ({
            realm: each.partner,
            trust: describeTrust(each),
            dn: each.dn,
          }));
          return console.log(JSON.stringify(list));
        }
        const rows = directory.trusts().map((each) => [each.partner, describeTrust(each), each.dn]);
        console.log(formatTable(["realm", "trust", "object"], rows));
      });
    });
}

function attributesOf(isDomain: boolean, transitive: boolean): number {
  const { nonTransitive, forestTransitive, quarantined } = TrustAttributes;
  if (isDomain) return transitive ? forestTransitive : quarantined;
  return transitive ? 0 : nonTransitive;
}

function describeTrust(trust: Trust): string {
  const direction = Object.entries(directions).find(([, bits]) => bits === trust.direction)?.[0] ?? "off";
  return `${direction}, ${trust.type === TrustType.mit ? "realm" : "domain"}${trust.sid === undefined ? "" : ` ${trust.sid}`}`;
}
