// Whether everybody can use the doctor's page: by keyboard, with a screen reader, in light and dark, on a narrow screen.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { EXAMPLES } from "../../../tools/doctor/page/examples.ts";
import { check, closePage, fromDisk, headline, openPage, startBrowser } from "./page-support.ts";

const browser = await startBrowser();
const case1 = EXAMPLES[0]!.dump;
const broken = "EPT pointer = 0x00000350020000zz\n";
/** WCAG 2.2, success criterion 1.4.3, for text of any size. */
const LOWEST_CONTRAST = 4.5;

/** What the page can show, and how it gets there. */
const STATES: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  "at its start": async () => {},
  "with violations": async (page) => check(page, case1, "sandybridge"),
  "with undecidable rules, all open": async (page) => {
    await check(page, case1);
    await page.locator("#report details").evaluateAll((all) => {
      for (const details of all) details.setAttribute("open", "");
    });
  },
  "with a dump that cannot be read": async (page) => check(page, broken),
  "with pasted values that cannot be read": async (page) => {
    await page.getByLabel("Processor", { exact: true }).selectOption("*");
    await page.getByLabel("VMX capability MSRs and CPUID").fill("IA32_VMX_BASIC: 0xzz");
    await page.getByLabel("A dump of a VMCS").fill(case1);
    await page.getByRole("button", { name: "Check the dump" }).click();
    await page.getByText("The processor’s values cannot be read").waitFor();
  },
  "with a wrong encoding": async (page) => {
    await page.getByRole("button", { name: "a wrong encoding" }).click();
    await page.locator("#verdict .headline").waitFor();
  },
  "with the rules": async (page) => {
    await page.getByRole("link", { name: "All rules" }).click();
    await page.getByRole("heading", { name: "Rules of VM entry" }).waitFor();
  },
  "with a message": async (page) => {
    await page.evaluate(() => (location.hash = "rule=none"));
    await page.getByRole("alert").waitFor();
  },
};

for (const colorScheme of ["light", "dark"] as const) {
  describe(`in ${colorScheme} colours`, () => {
    for (const [state, reach] of Object.entries(STATES)) {
      test(`axe finds no fault in the page ${state}, and every text has a contrast of 4.5`, async () => {
        const page = await openPage(browser, fromDisk, { colorScheme });
        await reach(page);
        assert.deepEqual(await faultsByAxe(page), []);
        const contrasts = await contrastsOf(page);
        assert.ok(contrasts.length > 10, "texts were looked at");
        assert.deepEqual(
          contrasts.filter(({ contrast }) => contrast < LOWEST_CONTRAST),
          [],
        );
        await closePage(page);
      });
    }
  });
}

test("the switch of colours overrides the system's and lasts", async () => {
  const page = await openPage(browser, fromDisk, { colorScheme: "light" });
  const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await paper();
  await page.getByLabel("Colours").selectOption("dark");
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await paper(), dark);
  await page.getByLabel("Colours").selectOption("as the system");
  assert.equal(await paper(), light);
  await closePage(page);
});

test("a keyboard alone leads from the start to the rule and the value that broke it", async () => {
  const page = await openPage(browser, fromDisk);
  const tabTo = async (name: string, isThere: () => Promise<boolean>): Promise<void> => {
    for (let presses = 0; presses < 15; presses++) {
      await page.keyboard.press("Tab");
      assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle), "none");
      if (await isThere()) return;
    }
    assert.fail(`found no way to ${name} by 15 presses of Tab`);
  };
  const hasFocus = (id: string) => (): Promise<boolean> =>
    page.evaluate((wanted) => document.activeElement?.id === wanted, id);
  const focusReads = (text: RegExp) => async (): Promise<boolean> =>
    text.test((await page.evaluate(() => document.activeElement?.textContent)) ?? "");

  await page.keyboard.press("Tab");
  assert.ok(await focusReads(/^Skip to the content$/)());
  await page.keyboard.press("Enter");
  await tabTo("the dump", hasFocus("text"));
  await page.keyboard.insertText(case1);
  await tabTo("the processor", hasFocus("cpu"));
  await page.keyboard.type("sandybridge:");
  await tabTo("the button", hasFocus("examine"));
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.id === "result-title");
  assert.equal(await headline(page), "2 rules of VM entry are violated");
  await tabTo("the line", focusReads(/^line \d+$/));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "MARK");
  await tabTo("the rule", focusReads(/^1$/));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "finding-1");
  await closePage(page);
});

test("the verdict stands in a live region that was there before it", async () => {
  const page = await openPage(browser, fromDisk);
  const region = page.getByRole("status").first();
  assert.equal(await region.getAttribute("id"), "verdict");
  await check(page, case1, "sandybridge");
  assert.match((await region.textContent()) ?? "", /2 rules of VM entry are violated/);
  await closePage(page);
});

for (const width of [320, 700]) {
  test(`a screen of ${width} pixels needs no scrolling sideways`, async () => {
    const page = await openPage(browser, fromDisk, { viewport: { width, height: 700 } });
    for (const reach of [STATES["at its start"]!, STATES["with violations"]!, STATES["with the rules"]!]) {
      await reach(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels lie beyond the edge`);
    }
    await closePage(page);
  });
}

test("nothing moves for those who asked for no motion", async () => {
  for (const [reducedMotion, behavior] of [
    ["reduce", "auto"],
    ["no-preference", "smooth"],
  ] as const) {
    const page = await openPage(browser, fromDisk, { reducedMotion });
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), behavior);
    await closePage(page);
  }
});

/** What axe-core finds, a line each. */
async function faultsByAxe(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run(document));
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}

interface Contrast {
  readonly text: string;
  readonly contrast: number;
}

/** The contrast of each visible text with what lies behind it, from the computed styles. */
async function contrastsOf(page: Page): Promise<Contrast[]> {
  const texts = await page.evaluate(() =>
    [...document.body.querySelectorAll("*")]
      .filter((element) => element.checkVisibility() && !["OPTION", "OPTGROUP", "SCRIPT"].includes(element.tagName))
      .filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && /\S/.test(node.textContent ?? "")),
      )
      .map((element) => {
        const backgrounds: string[] = [];
        for (let each: Element | null = element; each; each = each.parentElement) {
          backgrounds.push(getComputedStyle(each).backgroundColor);
        }
        return { text: element.textContent.trim().slice(0, 60), colour: getComputedStyle(element).color, backgrounds };
      }),
  );
  return texts.map(({ text, colour, backgrounds }) => {
    const behind = backgrounds.map(readColour).reduceRight(blend, WHITE);
    const [low, high] = [luminance(blend(behind, readColour(colour))), luminance(behind)].sort((a, b) => a - b);
    return { text, contrast: (high! + 0.05) / (low! + 0.05) };
  });
}

type Colour = readonly [red: number, green: number, blue: number, alpha: number];
const WHITE: Colour = [255, 255, 255, 1];

/** Reads "rgb(1, 2, 3)" and "rgba(1, 2, 3, 0.5)". */
function readColour(css: string): Colour {
  const [red = 0, green = 0, blue = 0, alpha = 1] = (css.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue, alpha];
}

function blend(below: Colour, top: Colour): Colour {
  const [red, green, blue] = [0, 1, 2].map((channel) => top[channel]! * top[3] + below[channel]! * (1 - top[3]));
  return [red!, green!, blue!, 1];
}

/** Relative luminance as WCAG 2.2 defines it. */
function luminance([red, green, blue]: Colour): number {
  const [r, g, b] = [red, green, blue].map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
