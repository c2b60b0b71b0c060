// Opens the doctor's page in Debian's Chromium, from disk and from a static host.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { builtDoctorPage } from "../../../tools/paths.ts";

/** The rules that case 1 violates on a processor with 36 physical-address bits and no accessed and dirty flags. */
export const CASE_1_VIOLATIONS = ["control.eptp.accessed-dirty", "control.eptp.maxphyaddr"];

/** A static host that has the page and nothing else. */
export interface Host {
  readonly url: string;
  /** The paths that were asked for. */
  readonly requests: string[];
}

/** Starts Chromium; it ends with the test file. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // Chromium's own sandbox refuses to run as root.
    chromiumSandbox: process.getuid?.() !== 0,
  });
  after(() => browser.close());
  return browser;
}

/** Starts a static host on this machine; it ends with the test file. */
export async function startHost(): Promise<Host> {
  const requests: string[] = [];
  const html = readFileSync(builtDoctorPage);
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    const isPage = request.url === "/doctor.html";
    response.writeHead(isPage ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
    response.end(isPage ? html : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/doctor.html`, requests };
}

export const fromDisk = pathToFileURL(builtDoctorPage).href;

/** Errors in the page's script, and refusals of its security policy. */
const errorsOf = new WeakMap<Page, string[]>();

/** A page in a browser profile of its own. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  errorsOf.set(page, errors);
  await page.goto(url);
  await page.locator("#rule-list article").first().waitFor({ state: "attached" });
  return page;
}

/** Closes a page of openPage; an error in its script or a refusal of its security policy fails the test. */
export async function closePage(page: Page): Promise<void> {
  await page.context().close();
  assert.deepEqual(errorsOf.get(page), []);
}

/** Enters a dump, chooses a processor by the name of its set, and checks. */
export async function check(page: Page, dump: string, cpu = ""): Promise<void> {
  await page.getByLabel("A dump of a VMCS").fill(dump);
  await page.getByLabel("Processor", { exact: true }).selectOption(cpu);
  await page.getByRole("button", { name: "Check the dump" }).click();
  await page.locator("#verdict .headline").waitFor();
}

/** The slugs of the violated rules that the page shows. */
export async function violatedSlugs(page: Page): Promise<string[]> {
  return page.locator("#report article.violated .slug").allTextContents();
}

export async function headline(page: Page): Promise<string> {
  return (await page.locator("#verdict .headline").textContent()) ?? "";
}
