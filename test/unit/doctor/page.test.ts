// The doctor's web page in a real browser: what it shows, and that it sends nothing.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { EXAMPLES } from "../../../tools/doctor/page/examples.ts";
import { builtDoctorPage, root } from "../../../tools/paths.ts";
import {
  CASE_1_VIOLATIONS,
  check,
  closePage,
  fromDisk,
  headline,
  openPage,
  startBrowser,
  startHost,
  violatedSlugs,
} from "./page-support.ts";

const browser = await startBrowser();
const host = await startHost();
const case1 = EXAMPLES[0]!.dump;
const eptpLine = case1.split("\n").findIndex((line) => line.startsWith("EPT pointer")) + 1;

for (const [origin, url] of [
  ["from disk", fromDisk],
  ["from a static host", host.url],
] as const) {
  describe(`the page ${origin}`, () => {
    test("shows the two rules that case 1 violates on a Sandy Bridge, and marks the EPTP", async () => {
      const page = await openPage(browser, url);
      await check(page, case1, "sandybridge");
      assert.deepEqual(await violatedSlugs(page), CASE_1_VIOLATIONS);
      assert.match(await headline(page), /^2 rules of VM entry are violated$/);
      assert.match(await page.locator("#verdict").innerText(), /fails with VM-instruction error 7/);
      assert.deepEqual(await page.locator("mark.violated").allTextContents(), ["0x000003500200005e"]);
      await closePage(page);
    });

    test("restores dump and processor from a link", async () => {
      const page = await openPage(browser, url);
      await check(page, case1, "sandybridge");
      await page.getByRole("button", { name: "Copy a link" }).click();
      await page.waitForFunction(() => location.hash.startsWith("#dump="));
      const link = page.url();
      await closePage(page);

      const restored = await openPage(browser, link);
      await restored.locator("#verdict .headline").waitFor();
      assert.deepEqual(await violatedSlugs(restored), CASE_1_VIOLATIONS);
      assert.equal(await restored.getByLabel("Processor", { exact: true }).inputValue(), "sandybridge");
      assert.equal(await restored.locator("#text").inputValue(), case1);
      await closePage(restored);
    });

    test("asks for nothing but itself", async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(url);
      await check(page, case1, "sandybridge");
      await page.getByRole("button", { name: "Copy a link" }).click();
      await page.getByRole("link", { name: "All rules" }).click();
      await page.getByLabel("Search").fill("EPTP");
      assert.deepEqual(
        asked.filter((address) => !address.startsWith("data:")),
        [url],
      );
      await context.close();
    });
  });
}

test("the static host is asked for the page alone", () => {
  assert.deepEqual([...new Set(host.requests)], ["/doctor.html"]);
});

test("the page's security policy stops a request that a script tries to make", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(host.url);
  const before = host.requests.length;
  const outcomes = await page.evaluate(async () => {
    const refusals: string[] = [];
    document.addEventListener("securitypolicyviolation", (event) => refusals.push(event.effectiveDirective));
    const fetched = await fetch("/fetched").then(
      () => "answered",
      () => "refused",
    );
    const image = new Image();
    const drawn = new Promise<string>((resolve) => {
      image.onload = () => resolve("answered");
      image.onerror = () => resolve("refused");
    });
    image.src = "/image";
    return { fetched, drawn: await drawn, beacon: navigator.sendBeacon("/beacon", "dump"), refusals };
  });
  assert.equal(outcomes.fetched, "refused");
  assert.equal(outcomes.drawn, "refused");
  assert.ok(outcomes.refusals.includes("connect-src"), `refused: ${outcomes.refusals.join()}`);
  assert.equal(host.requests.length, before);
  await context.close();
});

test("a dump_vmcb is found out by itself, and judged by the rules of VMRUN", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, readFileSync(join(root, "test/fixtures/doctor/kvm-vmcb-invalid.txt"), "utf8"));
  const slugs = await violatedSlugs(page);
  assert.ok(slugs.includes("vmcb.asid.zero") && slugs.includes("vmcb.efer.svme"), slugs.join());
  assert.match(await headline(page), /^\d rules of VMRUN are violated$/);
  const verdict = await page.locator("#verdict").innerText();
  assert.match(verdict, /VMRUN ends with VMEXIT_INVALID\. .*Read as Linux KVM’s dump of a VMCB/);
  const card = page.getByRole("article").filter({ hasText: "vmcb.efer.svme" });
  assert.match(
    await card.first().innerText(),
    /APM 2 15\.5\.1[^]*EFER \(0x4d0\), line 44[^]*bit 12, SVME, found 0, must be 1/,
  );
  await card.first().getByRole("link", { name: "vmcb.efer.svme" }).click();
  await page.locator("#rules:not([hidden])").waitFor();
  assert.match(await page.locator("article.current").innerText(), /vmcb\.efer\.svme APM 2 15\.5\.1/);
  await closePage(page);
});

test("the page is smaller than 1 MB", () => {
  const { size } = statSync(builtDoctorPage);
  assert.ok(size < 1_000_000, `found ${size} bytes`);
});

test("a mark leads to the rule that its value broke, and the rule back to the mark", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1, "sandybridge");
  await page.getByRole("link", { name: "violated rule 2: control.eptp.maxphyaddr" }).click();
  const card = page.getByRole("article").filter({ hasText: "control.eptp.maxphyaddr" });
  assert.ok(await card.evaluate((element) => element === document.activeElement));
  await card.getByRole("link", { name: `line ${eptpLine}`, exact: true }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "0x000003500200005e");
  await closePage(page);
});

test("a violated rule tells section, field, encoding, value, bits and hint", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1, "sandybridge");
  const text = await page.locator("#report article").filter({ hasText: "control.eptp.maxphyaddr" }).innerText();
  for (const part of ["SDM 3C 27.2.1.1", "EPT pointer", "0x201a", "0x000003500200005e", "41:40, 38, 36", "Hint:"]) {
    assert.ok(text.includes(part), `found no ${part} in: ${text}`);
  }
  await closePage(page);
});

test("without a processor no rule of case 1 is violated, and the conditions are stated", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1);
  assert.deepEqual(await violatedSlugs(page), []);
  await page.locator("#report details.undecidable > summary").click();
  for (const details of await page.locator("#report details.undecidable details > summary").all())
    await details.click();
  const conditions = await page.locator("#report .condition").allInnerTexts();
  assert.ok(conditions.includes("violated if MAXPHYADDR < 42."), conditions.join("\n"));
  assert.ok(conditions.includes("violated if IA32_VMX_EPT_VPID_CAP[21] = 0."), conditions.join("\n"));
  await closePage(page);
});

test("rules on the processor's state are told as not asked where the dump tells nothing of it", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1, "sandybridge");
  await page.getByText(/^\d+ rules not asked$/).click();
  await page.getByRole("link", { name: "vmxon.cr4.vmxe" }).waitFor();
  assert.match(await page.locator("#verdict").innerText(), /on what comes before the entry were not asked/);
  await closePage(page);
});

test("rules that cannot be decided stand under what they miss, each once", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1.replace(/^EPT pointer.*\n/m, ""), "sandybridge");
  const titles = await page.locator("#report details.undecidable h4").allTextContents();
  assert.ok(titles.includes("EPT pointer (EPTP) (0x201a)"), titles.join("\n"));
  assert.equal(new Set(titles).size, titles.length, titles.join("\n"));
  await closePage(page);
});

test("another processor changes the result at once, and the focus stays", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1, "sandybridge");
  const select = page.getByLabel("Processor", { exact: true });
  await select.focus();
  await select.selectOption("");
  await page.getByText("No rule is violated as far as is known").waitFor();
  assert.ok(await select.evaluate((element) => element === document.activeElement));
  await closePage(page);
});

test("pasted values of a processor count, and a line that cannot be read is named", async () => {
  const page = await openPage(browser, fromDisk);
  await page.getByLabel("A dump of a VMCS").fill(case1);
  await page.getByLabel("Processor", { exact: true }).selectOption("*");
  const values = page.getByLabel("VMX capability MSRs and CPUID");
  await values.fill("IA32_VMX_BASIC: 0x00da040000000010\nIA32_VMX_EPT_VPID_CAP: 0xzz\n");
  await page.getByRole("button", { name: "Check the dump" }).click();
  await page.getByText("The processor’s values cannot be read").waitFor();
  assert.match(await page.locator("#verdict").innerText(), /Line 2 /);
  assert.equal(await values.getAttribute("aria-invalid"), "true");

  await values.fill("IA32_VMX_EPT_VPID_CAP: 0x00000f0106114141\n");
  await page.getByRole("button", { name: "Check the dump" }).click();
  await page.getByText("1 rule of VM entry is violated").waitFor();
  assert.deepEqual(await violatedSlugs(page), ["control.eptp.accessed-dirty"]);
  await closePage(page);
});

test("a listing is stored through the author's encodings, and the wrong one is named", async () => {
  const page = await openPage(browser, fromDisk);
  await page.getByRole("button", { name: "a wrong encoding" }).click();
  await page.locator("#verdict .headline").waitFor();
  const encodings = page.getByRole("region", { name: "Your encodings" });
  assert.match(await encodings.innerText(), /1 is wrong/);
  assert.match(await encodings.innerText(), /0x482e.*VMX-preemption timer value.*0x481e/i);
  await page.getByRole("button", { name: "Copy a link" }).click();
  await page.waitForFunction(() => location.hash.includes("&fields="));
  const link = page.url();
  await closePage(page);

  const restored = await openPage(browser, link);
  await restored.getByRole("region", { name: "Your encodings" }).waitFor();
  await restored.getByLabel("A list or a source").fill("GUEST_CR0 = 0xzz\n");
  await restored.getByLabel("A list or a source").blur();
  await restored.getByText("Your encodings cannot be read").waitFor();
  assert.match(await restored.locator("#verdict").innerText(), /Line 1 of your encodings/);
  await closePage(restored);
});

test("a way back to a link leaves what was edited since", async () => {
  const page = await openPage(browser, fromDisk);
  await check(page, case1, "sandybridge");
  await page.getByRole("button", { name: "Copy a link" }).click();
  await page.waitForFunction(() => location.hash.startsWith("#dump="));
  await page.getByRole("button", { name: "Edit the dump" }).click();
  await check(page, case1.replace("0x000003500200005e", "0x000000035002001e"), "sandybridge");
  await page.getByRole("link", { name: "All rules" }).click();
  await page.getByRole("heading", { name: "Rules of VM entry" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Result" }).waitFor();
  assert.match(await page.locator("#text").inputValue(), /0x000000035002001e/);
  await closePage(page);
});

test("a dump that cannot be read is answered with its line, which is marked", async () => {
  const page = await openPage(browser, fromDisk);
  const broken = case1.replace("EPT pointer = 0x000003500200005e", "EPT pointer = 0x00000350020000zz");
  await check(page, broken);
  assert.equal(await headline(page), `Line ${eptpLine} of the dump cannot be read`);
  assert.match((await page.locator("mark.unreadable").textContent()) ?? "", /0x00000350020000zz/);
  await page.getByRole("link", { name: `Line ${eptpLine}` }).click();
  assert.ok(await page.locator("mark.unreadable").evaluate((mark) => mark === document.activeElement));
  await page.getByRole("button", { name: "Edit the dump" }).click();
  assert.equal(await page.getByLabel("A dump of a VMCS").inputValue(), broken);
  await closePage(page);
});

test("a file is opened and examined", async () => {
  const page = await openPage(browser, fromDisk);
  const buffer = Buffer.from(case1);
  await page.getByLabel("Or open a file").setInputFiles({ name: "dmesg.txt", mimeType: "text/plain", buffer });
  await page.locator("#verdict .headline").waitFor();
  assert.equal(await page.locator("#text").inputValue(), case1);
  await closePage(page);
});

test("a file that is dropped on the page is examined", async () => {
  const page = await openPage(browser, fromDisk);
  const dataTransfer = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "dmesg.txt"));
    return transfer;
  }, case1);
  await page.dispatchEvent("main", "drop", { dataTransfer });
  await page.locator("#verdict .headline").waitFor();
  assert.equal(await page.locator("#text").inputValue(), case1);
  await closePage(page);
});

test("a whole dump that is pasted is examined at once", async () => {
  const page = await openPage(browser, fromDisk, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.evaluate((text) => navigator.clipboard.writeText(text), case1);
  await page.getByLabel("A dump of a VMCS").focus();
  await page.keyboard.press("ControlOrMeta+V");
  await page.locator("#verdict .headline").waitFor();
  await closePage(page);
});

test("markup in a dump is shown as it is", async () => {
  const page = await openPage(browser, fromDisk);
  const markup = `<img src=x onerror="document.title='broken'">`;
  await check(page, `${markup}\n${case1}`);
  assert.ok((await page.locator("#listing").innerText()).includes(markup));
  assert.equal(await page.locator("#listing img").count(), 0);
  await closePage(page);
});

test("the report is copied as text", async () => {
  const page = await openPage(browser, fromDisk, { permissions: ["clipboard-read", "clipboard-write"] });
  await check(page, case1, "sandybridge");
  await page.getByRole("button", { name: "Copy the report" }).click();
  await page.getByText("The report is on the clipboard.").waitFor();
  const report = await page.evaluate(() => navigator.clipboard.readText());
  for (const slug of CASE_1_VIOLATIONS) assert.ok(report.includes(`${slug} (SDM 3C 27.2.1.1)`), report);
  assert.match(report, /processor: sandybridge/);
  await closePage(page);
});

test("where the clipboard is denied, the text to copy is shown and selected", async () => {
  const page = await openPage(browser, fromDisk);
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("denied"));
  });
  await check(page, case1, "sandybridge");
  await page.getByRole("button", { name: "Copy the report" }).click();
  const field = page.getByLabel("Copy this text");
  await field.waitFor();
  assert.ok(await field.evaluate((area: HTMLTextAreaElement) => area.selectionEnd === area.value.length));
  await closePage(page);
});

describe("a link that is no good is answered with a sentence", () => {
  const packed = (text: string | Buffer): string => deflateRawSync(text).toString("base64url");
  for (const [what, fragment, sentence] of [
    ["cut short", `dump=${packed(case1).slice(0, 100)}`, /whose dump is damaged/],
    ["of no dump", "dump=", /whose dump is damaged/],
    ["of noise", "dump=%%%", /whose dump is damaged/],
    ["that unpacks to 100 MB", `dump=${packed(Buffer.alloc(100_000_000))}`, /whose dump is damaged/],
    ["to a rule that is none", "rule=control.none", /no rule “control.none”/],
    ["to a rule in broken escapes", "rule=%E0%A4%A", /no rule/],
    ["of an unknown kind", "nothing=1", /“nothing=1”, expected dump=/],
    ["with an unknown processor", `dump=${packed(case1)}&cpu=pentium`, /CPU name "pentium", expected one of/],
  ] as const) {
    test(`a link ${what}`, async () => {
      const page = await openPage(browser, `${fromDisk}#${fragment}`);
      const alert = page.getByRole("alert");
      await alert.waitFor();
      assert.match((await alert.textContent()) ?? "", sentence);
      await closePage(page);
    });
  }

  test("a dump too large for a link", async () => {
    const page = await openPage(browser, fromDisk);
    const noise = Array.from(
      { length: 6000 },
      (_, i) => `# ${Math.imul(i, 2654435761) >>> 0} ${Math.imul(i, 40503) ** 2}`,
    );
    const buffer = Buffer.from(`${case1}\n${noise.join("\n")}`);
    await page.getByLabel("Or open a file").setInputFiles({ name: "dmesg.txt", mimeType: "text/plain", buffer });
    await page.locator("#verdict .headline").waitFor();
    await page.getByRole("button", { name: "Copy a link" }).click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match((await alert.textContent()) ?? "", /send the dump as a file instead/);
    assert.ok(!page.url().includes("#dump="));
    await closePage(page);
  });
});

test("the search finds rules by slug, section, field, encoding and text", async () => {
  const page = await openPage(browser, `${fromDisk}#rules`);
  const shown = (): Promise<string[]> => page.locator("#rule-list article:visible .slug").allTextContents();
  const all = (await shown()).length;
  for (const [search, slug] of [
    ["control.eptp.walk-length", "control.eptp.walk-length"],
    ["27.2.1.1 eptp reserved", "control.eptp.reserved"],
    ["ept pointer", "control.eptp.memory-type"],
    ["0x201A", "control.eptp.maxphyaddr"],
    ["four-level EPT has 3", "control.eptp.walk-length"],
  ] as const) {
    await page.getByLabel("Search").fill(search);
    assert.ok((await shown()).includes(slug), `"${search}" finds ${(await shown()).join()}`);
  }
  await page.getByLabel("Search").fill("control.eptp.walk-length");
  await page.getByText(`1 of ${all} rules`, { exact: true }).waitFor();
  await page.getByLabel("Search").fill("no such words");
  await page.getByText(`0 of ${all} rules: no rule has all of these words`).waitFor();
  await closePage(page);
});

test("a rule has a permalink, which shows it with the focus on it", async () => {
  const page = await openPage(browser, `${fromDisk}#rule=control.eptp.maxphyaddr`);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "rule-control.eptp.maxphyaddr");
  await page.getByLabel("Search").fill("walk-length");
  await page.getByRole("link", { name: "control.eptp.walk-length" }).click();
  await page.waitForFunction(() => document.activeElement?.id === "rule-control.eptp.walk-length");
  assert.ok(page.url().endsWith("#rule=control.eptp.walk-length"));
  await closePage(page);
});
