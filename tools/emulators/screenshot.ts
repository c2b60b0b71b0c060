// What is on the screen of a machine at the end of a boot.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { instructionClock } from "./qemu.ts";
import { readStoppedMachine, type StoppedBoot } from "./qemu-monitor.ts";

/** VGA's text memory: 80 x 25 cells of a letter and its attribute. */
const vgaText = { val: 0xb8000, size: 80 * 25 * 2 } as const;

export interface Screenshot {
  /** The picture, as PNG. */
  readonly png: Buffer;
  /** VGA's text memory; without meaning where the screen is a framebuffer. */
  readonly textMemory: Buffer;
  /** What came on COM1. */
  readonly lines: readonly string[];
}

/** Guests that end well and badly, and a clock by which each boot has as many timer ticks, and so the same lines. */
const referenceGuests = { append: "guest=real,fault-bounds", options: instructionClock } as const;

/** The screenshots of the README, which test/boot/screen.test.ts compares with: name in docs/screenshots, and its boot. */
export const referenceBoots = {
  bios: { media: "iso", firmware: "bios", ...referenceGuests },
  uefi: { media: "iso", firmware: "uefi", ...referenceGuests },
} as const satisfies Record<string, StoppedBoot>;

/** Basalt's own lines; firmware and GRUB may have printed before. */
export function linesOfBasalt({ lines }: Pick<Screenshot, "lines">): string[] {
  return lines.filter((line) => line.startsWith("basalt: "));
}

/** Boots by TCG to the result line, and takes a picture of the screen. */
export async function takeScreenshot(boot: StoppedBoot): Promise<Screenshot> {
  return readStoppedMachine(boot, async ({ monitor, lines, directory }) => {
    const [picture, text] = [join(directory, "screen.png"), join(directory, "text")];
    await monitor.execute("screendump", { filename: picture, format: "png" });
    await monitor.execute("pmemsave", { ...vgaText, filename: text });
    return { png: await readFile(picture), textMemory: await readFile(text), lines };
  });
}
