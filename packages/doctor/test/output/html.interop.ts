import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MemoryDirectory } from "@waybill/directory";
import { chooseStories, examine, predict, renderHtml } from "@waybill/doctor";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

// The report in a real browser: everything it needs is in the one file, and the drill-down leads where it says.

let folder: string;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-report-"));
  const file = join(folder, "report.html");
  writeFileSync(file, report());
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox"],
    timeout: 200_000,
  });
  page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

function report(): string {
  const view = new MemoryDirectory({ realm: "LAB.TEST" });
  for (const name of ["alice", "sens"])
    view.createUser({ name, password: "Passw0rd!", sensitive: name === "sens" });
  for (const name of ["HV01", "HV02"]) view.createComputer({ name, migration: true });
  view.setDelegation("HV01", { to: ["cifs/hv02.lab.test"], protocol: "kerberos" });
  const examined = examine({ view, people: ["alice", "sens"], evidence: "s4u2self" });
  const { matrix } = examined;
  const stories = chooseStories(matrix, (person, source, destination) =>
    predict({
      view,
      person: matrix.people[person]!,
      source: matrix.sources[source]!,
      destination: matrix.destinations[destination]!,
      evidence: "s4u2self",
    }),
  );
  return renderHtml({ ...examined, stories, readAt: 0 });
}

it("asks for nothing besides itself and complains about nothing", () => {
  expect(complaints).toEqual([]);
  expect(requests).toHaveLength(1);
});

it("opens the story of a cell that is clicked, with its exchanges and the reason", async () => {
  const links = page.locator("table.matrix td.fails a");
  expect(await links.count()).toBeGreaterThan(1);
  const link = links.last();
  const id = (await link.getAttribute("href"))?.slice(1) ?? "";
  const story = page.locator(`details#${id}`);
  await link.click();
  await expect.poll(async () => await story.getAttribute("open")).not.toBeNull();
  expect(await story.locator(".steps > li").count()).toBeGreaterThan(0);
  expect(await story.locator(".reasons").first().isVisible()).toBe(true);
});

it("shows findings of the kinds that are wanted and that name what is looked for", async () => {
  const shown = page.locator("details.finding:visible");
  const all = await shown.count();
  await page.locator('[data-severity="error"]').uncheck();
  await expect.poll(async () => await shown.count()).toBeLessThan(all);
  await page.locator('[data-severity="error"]').check();
  await page.locator("#search").fill("sens is marked");
  await expect.poll(async () => await shown.count()).toBe(1);
  await page.locator("#search").fill("");
  await page.locator("#toggle").click();
  await expect.poll(async () => await page.locator("details.finding:not([open])").count()).toBe(0);
});

it("can be read in the dark, and prints with everything open", async () => {
  const paper = async (): Promise<string> =>
    await page.evaluate<string>(
      "getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).backgroundColor",
    );
  await page.emulateMedia({ colorScheme: "light" });
  const light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await paper()).not.toBe(light);
  const file = join(folder, "report.pdf");
  await page.pdf({ path: file });
  expect(existsSync(file) && statSync(file).size).toBeGreaterThan(10_000);
});
